// `volley dlq show --as-test`: a dead letter as a file for `volley test`.
#pragma once

#include <string>

#include "queues/letter.hpp"
#include "volley/config.hpp"

namespace volley::cli {

// YAML without a line break at its end. The test gives the letter's message and expects that it becomes a
// dead letter for the same reason, after as many attempts.
std::string as_test(const queues::Letter& letter, const Config& config);

}  // namespace volley::cli

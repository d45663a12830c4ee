// A child process as a handler, in any language: the ABI's handler table around a Child and its Exchange.
// Each worker has an instance, hence a child, of its own. A child that dies or hangs costs the message at
// work one attempt and is replaced; a wrong answer costs its message. While no child can start, messages
// wait.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "volley/plugin.h"

namespace volley::handlers {

struct ProcessOptions {
    std::vector<std::string> exec;  // program and arguments
    std::uint64_t handler_timeout_ms = 30'000;
    std::uint64_t startup_timeout_ms = 60'000;  // for a child to load, until it reads its first message
    std::uint64_t max_message_bytes = 1 << 20;  // an answer may be sixteen times this, with all its outputs
};

const volley_handler_class* process_handler_class();

// The `config` that instances of that class want.
std::string process_config(const ProcessOptions& options);

}  // namespace volley::handlers

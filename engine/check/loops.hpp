// Finds loops: a component writes to a queue that it reads itself, or that a component behind it reads.
#pragma once

#include <vector>

#include "config/load.hpp"
#include "plugins/catalog.hpp"

namespace volley::check {

// Adds errors for loops that messages never leave, and warnings for those that depend on a handler or on
// failures. Loops that are visible in the names of queues are found by config::check_rules(). Skips `unsound`
// parts.
std::vector<config::Diagnostic> check_loops(const Config& config, plugins::Catalog& catalog,
                                            const config::Unsound& unsound);

}  // namespace volley::check

// Messages that come back: what a component writes and, by whatever name, it or one behind it reads.
#pragma once

#include <vector>

#include "config/load.hpp"
#include "plugins/catalog.hpp"

namespace volley::check {

// Errors where a message is sure to go round for ever, warnings where it depends on a handler or on failures.
// What the names of the queues alone show is left to config::check_rules(). Of `unsound` parts nothing is
// said.
std::vector<config::Diagnostic> check_loops(const Config& config, plugins::Catalog& catalog,
                                            const config::Unsound& unsound);

}  // namespace volley::check

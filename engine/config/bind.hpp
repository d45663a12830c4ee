// Turns the tree into a Config. Each value is read by its type, and unknown keys are errors.
#pragma once

#include "config/load.hpp"
#include "config/tree.hpp"
#include "volley/config.hpp"

namespace volley::config {

// Fills `config` from the tree, in which variables are replaced already. Adds errors to `diagnostics` and
// continues after them, so that one run finds every mistake. Returns the paths of the queues and components
// that have errors; later checks skip these, to avoid consequential errors.
Unsound bind(const Node& root, Config& config, Diagnostics& diagnostics);

// Parses "100ms", "30s", "5m", "1h" or "0". Returns nothing if it is not a duration.
std::optional<Milliseconds> parse_duration(std::string_view text);
// Parses "512", "64 KiB" or "1 MB". Returns bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Returns a mapping as a JSON object. The values have the types that YAML 1.2 gives them.
std::string to_json(const Node& node);

}  // namespace volley::config

// Tree to Config: every value read by its type, every key known or refused.
#pragma once

#include "config/load.hpp"
#include "config/tree.hpp"
#include "volley/config.hpp"

namespace volley::config {

// Fills `config` from the interpolated tree. What is wrong goes to `diagnostics`; the rest is filled all the
// same, so that one run finds every mistake. Returns the paths of the queues and components that have a
// mistake: what follows from it is not judged.
Unsound bind(const Node& root, Config& config, Diagnostics& diagnostics);

// "100ms", "30s", "5m", "1h", "0"; nothing if it is none.
std::optional<Milliseconds> parse_duration(std::string_view text);
// "512", "64 KiB", "1 MB"; bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

// A mapping, with its values typed as YAML 1.2 types them, as a JSON object.
std::string to_json(const Node& node);

}  // namespace volley::config

// When KEDA adds a replica: the depth of each input, as its store shows it. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/tree.hpp"
#include "deploy/needs.hpp"
#include "volley/config.hpp"

namespace volley::cli::deploy {

// Returns a key of the `config:` of the queue with this index, as written in the file; empty: not given, or
// no scalar.
std::string setting(const config::Node& tree, std::size_t queue, std::string_view key);

// `app` is part of the name of a group that the file does not name. Returns a trigger for each input whose
// store KEDA can ask. What it cannot is added to `notes`.
std::vector<Trigger> triggers_of(const Config& config, const std::string& app, const config::Node& tree,
                                 std::vector<std::string>& notes);

}  // namespace volley::cli::deploy

// Parts of bind(): queues and their schemas.
#pragma once

#include <string>

#include "config/bind.hpp"

namespace volley::config {

// Returns whether it is a mapping. Adds an error that calls it `what` if not.
bool is_mapping(const Node& node, const std::string& what, const char* help, Diagnostics& diagnostics);

// Adds the queue to `config`. `name` is its key if `queues` is a mapping, otherwise empty. `mark` is where
// the queue begins.
void bind_queue(const Node& node, const std::string& name, const Mark& mark, Config& config,
                Diagnostics& diagnostics);

}  // namespace volley::config

// The parts of binding: what bind() calls for a queue and for its schema.
#pragma once

#include <string>

#include "config/bind.hpp"

namespace volley::config {

// Is it a mapping? Adds an error that names it `what`, if not.
bool is_mapping(const Node& node, const std::string& what, const char* help, Diagnostics& diagnostics);

// Adds the queue to `config`. `name`: of the mapping form, where the queue's key is its name; else empty.
// `mark`: where the queue begins.
void bind_queue(const Node& node, const std::string& name, const Mark& mark, Config& config,
                Diagnostics& diagnostics);

}  // namespace volley::config

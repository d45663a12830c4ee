// Writes nodes as YAML.
#pragma once

#include <string>

#include "config/tree.hpp"

namespace volley::config {

// Returns a scalar that is valid anywhere in YAML, in quotes if it needs them.
std::string emit_scalar(const Node& node);
std::string emit_text(const std::string& text);

// Returns the members of a mapping in block style, each line indented by `indent` spaces. Lists and their
// elements are in flow style.
std::string emit_members(const Node& mapping, std::size_t indent);

}  // namespace volley::config

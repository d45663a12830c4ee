// Nodes as YAML text.
#pragma once

#include <string>

#include "config/tree.hpp"

namespace volley::config {

// A scalar as it may stand anywhere in YAML: in quotes where it needs them.
std::string emit_scalar(const Node& node);
std::string emit_text(const std::string& text);

// The members of a mapping as a block, each line indented by `indent` spaces; lists and what is inside them
// in brackets.
std::string emit_members(const Node& mapping, std::size_t indent);

}  // namespace volley::config

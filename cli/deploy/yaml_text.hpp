// Pieces of YAML for templates: scalars that cannot end where they should not, and blocks cut out of a file.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace volley::cli::deploy {

// Whether it is UTF-8 that YAML can hold: no control characters but tabs and line breaks, those of
// Windows included.
bool is_text(std::string_view bytes);

// Returns the text as a double-quoted scalar. The text must be UTF-8.
std::string yaml_string(std::string_view text);

// Returns "KEY: " with the text as a literal block, or as a quoted scalar where a block would change it. No
// line break at the end.
std::string block(const std::string& key, const std::string& text, std::size_t indent);

// Returns the lines from the first that is `first`, spaces before it aside, up to the next that is not deeper
// than it, or is blank. `with_first`: that line included. Their indentation becomes `indent` spaces at the
// top.
std::string cut_block(std::string_view text, std::string_view first, bool with_first, std::size_t indent);

// Indents each line, and leaves out the line break at the end.
std::string indented(std::string_view text, std::size_t indent);

}  // namespace volley::cli::deploy

// A text changed by a person, in the editor of their choice.
#pragma once

#include <string>

#include "volley/error.hpp"

namespace volley::cli {

// Opens `text` in $VISUAL, else $EDITOR, else vi, and returns what was saved, without the line break that
// editors add at the end. Errors: unsupported (no such editor, it failed, or the file cannot be written).
Result<std::string> edit(const std::string& text);

}  // namespace volley::cli

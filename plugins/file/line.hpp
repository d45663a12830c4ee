// A body as one line. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace volley::file {

// Appends the body and a newline. JSON with newlines is written without white space outside its strings.
// Returns the reason why the body cannot be one line, or null.
const char* append_line(std::string_view body, std::string& out);

// Whether it is a complete JSON object or array.
bool is_whole_json(std::string_view text);

}  // namespace volley::file

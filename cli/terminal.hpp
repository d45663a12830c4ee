// Bytes of strangers on a terminal: what could drive it is shown, not obeyed.
#pragma once

#include <string_view>

namespace volley::cli {

// Prints bytes and a line break to standard output: as they are into a file or a pipe; on a terminal with
// control characters and what is no UTF-8 escaped.
void print_bytes(std::string_view bytes);

// Prints a line of JSON to standard output. It says the same, with the control characters escaped that JSON
// itself lets pass (DEL and C1).
void print_json(std::string_view line);

// Prints "volley: " and the text to standard error, with control characters escaped.
void say(std::string_view text);

}  // namespace volley::cli

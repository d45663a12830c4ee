// Bytes of strangers for a log or a terminal. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace volley::text {

enum class Quotes : std::uint8_t { plain, escaped };

// Appends `bytes` as one line that is UTF-8: what could forge a line or drive a terminal (C0, DEL, C1) and
// what is no UTF-8 becomes \u00XX, which JSON and people read alike; with Quotes::escaped the quote and the
// backslash get one before them. What goes past `longest` bytes is cut, and an ellipsis says so.
void append_escaped(std::string& out, std::string_view bytes, std::size_t longest, Quotes quotes);

}  // namespace volley::text

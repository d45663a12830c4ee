// Escapes untrusted bytes for a log or a terminal. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace volley::text {

enum class Quotes : std::uint8_t { plain, escaped };

// Appends `bytes` as one line of UTF-8. What could forge a line or control a terminal (C0, DEL, C1) and what
// is not UTF-8 becomes \u00XX. Quotes::escaped also puts a backslash before quotes and backslashes. Text
// after `longest` bytes is replaced by an ellipsis.
void append_escaped(std::string& out, std::string_view bytes, std::size_t longest, Quotes quotes);

// Escapes what may not stand in a path or a query as it is.
std::string url_escaped(const std::string& text);

}  // namespace volley::text

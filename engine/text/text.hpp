// Bytes of strangers as text. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "volley/utf8.hpp"

namespace volley::text {

using volley::is_utf8;
using volley::utf8_prefix;

// How many bytes the byte order mark at the front takes that some editors write: 3, or 0 where there is none.
std::size_t byte_order_mark(std::string_view text);

// The text itself where it is UTF-8, else with every byte above 127 replaced by '?'.
std::string safe(std::string_view bytes);

// How many columns of a terminal a text of UTF-8 takes: East Asian characters and emoji two, combining marks
// none, all others one.
std::size_t display_width(std::string_view text);

// How many bytes from the front fit into so many columns; always whole characters.
std::size_t fitting(std::string_view text, std::size_t columns);

// A name as a step of a JSON pointer: ~ and / escaped.
std::string pointer_step(std::string_view name);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

// Nothing if it is no base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace volley::text

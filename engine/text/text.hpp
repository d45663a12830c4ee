// Handles untrusted bytes as text. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "volley/utf8.hpp"

namespace volley::text {

using volley::is_utf8;
using volley::utf8_prefix;

// Returns the length of a byte order mark at the beginning of the text, which some editors write: 3 or 0.
std::size_t byte_order_mark(std::string_view text);

// Returns the text if it is UTF-8; otherwise with each byte above 127 replaced by '?'.
std::string safe(std::string_view bytes);

// Returns how many columns of a terminal a UTF-8 text takes: two for East Asian characters and emoji, none
// for combining marks, one for all others.
std::size_t display_width(std::string_view text);

// Returns how many bytes at the beginning fit into the columns. Does not split characters.
std::size_t fitting(std::string_view text, std::size_t columns);

// Escapes ~ and / in a reference token of a JSON pointer.
std::string pointer_step(std::string_view name);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

// Returns nothing if the text is not valid base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace volley::text

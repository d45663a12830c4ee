// Bytes of strangers as text. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace volley::text {

bool is_utf8(std::string_view bytes);

// How many bytes from the front are whole characters of UTF-8.
std::size_t utf8_prefix(std::string_view bytes);

// The text itself where it is UTF-8, else with every byte above 127 replaced by '?'.
std::string safe(std::string_view bytes);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

// Nothing if it is no base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace volley::text

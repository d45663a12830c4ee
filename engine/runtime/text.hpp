// Bytes of strangers as text.
#pragma once

#include <string>
#include <string_view>

namespace volley::runtime {

bool is_utf8(std::string_view bytes);

// The text itself where it is UTF-8, else with every byte above 127 replaced by '?'.
std::string safe_text(std::string_view bytes);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace volley::runtime

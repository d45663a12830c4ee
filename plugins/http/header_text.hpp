// Keys, names and values of any bytes in HTTP headers: bytes that a header cannot contain are written as %XX.
// Also compares tokens. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace volley::http {

// The HTTP headers that carry the parts of a message.
inline constexpr std::string_view key_header = "Volley-Key";
inline constexpr std::string_view header_prefix = "Volley-Header-";
// The headers of W3C Trace Context keep their own names in HTTP, because intermediaries read them.
bool is_of_trace(std::string_view header_name);
inline constexpr std::string_view id_header = "Idempotency-Key";

// For a value: keeps printable ASCII, except %.
std::string to_header_value(std::string_view bytes);
// For a part of a name: keeps the characters of a token, except %.
std::string to_header_name(std::string_view bytes);
// A % without two hexadecimal digits after it stays a %.
std::string from_header(std::string_view text);

bool is_token_character(char c);
// ASCII letters only.
bool equals_without_case(std::string_view a, std::string_view b);
// Takes the same time wherever the texts differ, and does not reveal the length of `expected`.
bool is_same_secret(std::string_view given, std::string_view expected);

}  // namespace volley::http

// Keys, names and values of any bytes in HTTP headers: what a header cannot hold is written as %XX. And the
// comparison of tokens. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace volley::http {

// The HTTP headers of a message's parts.
inline constexpr std::string_view key_header = "Volley-Key";
inline constexpr std::string_view header_prefix = "Volley-Header-";
// The headers of W3C Trace Context have their own names in HTTP: others on the way read them.
bool is_of_trace(std::string_view header_name);
inline constexpr std::string_view id_header = "Idempotency-Key";

// For a value: printable ASCII stays, except %.
std::string to_header_value(std::string_view bytes);
// For a part of a name: the characters of a token stay, except %.
std::string to_header_name(std::string_view bytes);
// A % that no two hexadecimal digits follow is a %.
std::string from_header(std::string_view text);

bool is_token_character(char c);
// ASCII letters only.
bool equals_without_case(std::string_view a, std::string_view b);
// Takes the same time whatever the difference is; the length of `expected` does not show either.
bool is_same_secret(std::string_view given, std::string_view expected);

}  // namespace volley::http

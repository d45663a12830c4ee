// Numbers as people and serializers write them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::text {

// Is it a number of JSON that a double can hold, digit by digit as it stands?
bool is_json_number(std::string_view text);

// Returns a number as JSON: 90000 for 90000, 90000.0, 9e4, 90_000, +90000 and 0x15f90; 0.5 for .5; 1.10
// for 1.10. Nothing for what is no number, and for 010, which is 8 to some readers and 10 to others.
std::optional<std::string> number_as_json(std::string_view text);

// Returns a whole number without a sign, in any of these spellings.
std::optional<std::uint64_t> whole_number(std::string_view text);

// Returns a decimal number without a sign, its underscores left out, and how much of the text it takes; 0:
// none.
struct Prefix {
    double value = 0;
    std::size_t size = 0;
};
Prefix decimal_prefix(std::string_view text);

}  // namespace volley::text

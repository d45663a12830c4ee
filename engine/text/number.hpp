// Parses numbers as people and serializers write them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::text {

// Whether it is a JSON number that a double can hold.
bool is_json_number(std::string_view text);

// Returns a number as JSON: 90000 for 90000, 90000.0, 9e4, 90_000, +90000 and 0x15f90; 0.5 for .5; 1.10 for
// 1.10. Returns nothing if it is not a number, and for 010, which is 8 for some readers and 10 for others.
std::optional<std::string> number_as_json(std::string_view text);

// Returns a whole number without a sign, in any of these spellings.
std::optional<std::uint64_t> whole_number(std::string_view text);

// Returns a decimal number without a sign and without its underscores, and how many bytes of the text it
// takes. 0: the text does not begin with a number.
struct Prefix {
    double value = 0;
    std::size_t size = 0;
};
Prefix decimal_prefix(std::string_view text);

}  // namespace volley::text

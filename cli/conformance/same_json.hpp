// Compares JSON texts by what they say: white space, the order of members and escapes do not count. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace volley::cli::conformance {

// digits: 1.10 is not 1.1. values: it is, exactly; 0.1 is not 0.10000000000000001.
enum class Numbers : std::uint8_t { digits, values };

// Returns false if one of them is not JSON.
bool same_json(std::string_view a, std::string_view b, Numbers numbers);

}  // namespace volley::cli::conformance

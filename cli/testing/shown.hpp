// Parts of compare(): values as lines of text, the same for the expected and for the real side.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "testing/events.hpp"
#include "testing/test_case.hpp"

namespace volley::cli::testing {

// "100ms", "1.5s", "10m", "2h".
std::string shown(Millis time);
std::string shown(const std::vector<Millis>& times);
std::string shown(const std::vector<MessageNumber>& messages);

// JSON indented, with its members sorted; other text line by line; bytes in base64.
std::vector<std::string> body_lines(const std::optional<std::string>& body);

// Whether a body is as expected: JSON by what it says, everything else byte by byte.
bool is_same(const Body& expected, const std::optional<std::string>& got);

}  // namespace volley::cli::testing

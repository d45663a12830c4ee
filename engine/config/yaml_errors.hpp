// Explains to the author of a file why it is not valid YAML.
#pragma once

#include <cstddef>
#include <string>

#include "config/diagnostics.hpp"

namespace volley::config {

inline constexpr std::size_t largest_file = 1 << 20;  // bytes; a configuration is small

// Adds what is wrong with the bytes themselves (size, encoding) to `diagnostics`. Returns whether they may be
// parsed.
bool check_bytes(const std::string& text, const std::string& file, Diagnostics& diagnostics);

// Adds an error for yaml-cpp's `message` at `mark`, whose column counts characters. `opened` is the position
// of the innermost { or [ that is not closed; line 0: there is none.
void add_yaml_error(const std::string& message, Mark mark, const Mark& opened, Diagnostics& diagnostics);

}  // namespace volley::config

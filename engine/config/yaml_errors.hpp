// Why a text is no YAML, in the words of its author rather than of its parser.
#pragma once

#include <cstddef>
#include <string>

#include "config/diagnostics.hpp"

namespace volley::config {

inline constexpr std::size_t largest_file = 1 << 20;  // bytes; a configuration is small

// Adds what is wrong with the bytes themselves (size, encoding) to `diagnostics`. Returns whether they may be
// parsed.
bool check_bytes(const std::string& text, const std::string& file, Diagnostics& diagnostics);

// Adds the error that yaml-cpp told as `message` at `mark`, whose column counts characters. `opened` is where
// the innermost { or [ that was not closed stands; line 0: nowhere.
void add_yaml_error(const std::string& message, Mark mark, const Mark& opened, Diagnostics& diagnostics);

}  // namespace volley::config

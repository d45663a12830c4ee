// "did you mean": finds the candidate that a mistyped word most likely means. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace volley::plugins {

// Returns the candidate with the fewest single-letter changes from `word`, ignoring case. Empty if none is
// within a third of its length, rounded up.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Returns `; did you mean "x"?`, or an empty string.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace volley::plugins

// Renders a difference for people: where, what, and both sides in columns.
#pragma once

#include <string>

#include "testing/differences.hpp"

namespace volley::cli::testing {

// Lines that differ have a mark between the columns: | both have one, < only the expected side, > only the
// other. Control characters are escaped.
std::string render(const Difference& difference, bool colours);

}  // namespace volley::cli::testing

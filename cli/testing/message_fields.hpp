// Parts of read_test_file(): messages, given and expected.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/tree.hpp"
#include "testing/fields.hpp"
#include "testing/test_case.hpp"

namespace volley::cli::testing {

Given read_given(const config::Node& node, const std::string& what, config::Diagnostics& diagnostics);
ExpectedOutput read_output(const config::Node& node, const std::string& what,
                           config::Diagnostics& diagnostics);

}  // namespace volley::cli::testing

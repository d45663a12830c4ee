// Parts of read_test_file(): what is expected, and faults.
#pragma once

#include "config/diagnostics.hpp"
#include "config/tree.hpp"
#include "testing/test_case.hpp"

namespace volley::cli::testing {

// What a test may name.
struct Names {
    const ComponentConfig& component;
    MessageNumber messages = 0;
};

Expected read_expectations(const config::Node& node, const Names& names, config::Diagnostics& diagnostics);
void read_fault(const config::Node& node, const Names& names, TestCase& out,
                config::Diagnostics& diagnostics);

}  // namespace volley::cli::testing

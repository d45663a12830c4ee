// Reads a file of tests. It is checked against the configuration, so that a misspelt queue or component is an
// error of the file and not a failed test.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "testing/test_case.hpp"
#include "volley/config.hpp"

namespace volley::cli::testing {

struct TestFile {
    std::string path;
    std::vector<TestCase> tests;  // none if there are errors
    std::vector<config::Diagnostic> diagnostics;
};

TestFile read_test_file(const std::string& path, const Config& config);

// The component that a test is for: the one that it names, or the only one. Null: there is none.
const ComponentConfig* component_of(const TestCase& test, const Config& config);

}  // namespace volley::cli::testing

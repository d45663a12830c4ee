// Results in the XML of JUnit, which build servers read. Pure.
#pragma once

#include <string>
#include <vector>

namespace volley::cli::testing {

struct Result {
    std::string file;
    std::string name;
    bool has_passed = false;
    bool is_error = false;  // the file of the test is wrong
    std::string report;
    std::string log;
    double seconds = 0;
};

std::string to_junit(const std::vector<Result>& results);

}  // namespace volley::cli::testing

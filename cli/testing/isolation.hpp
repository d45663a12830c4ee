// Runs one test in a process of its own, with a limit on real time: a handler that crashes or hangs ends that
// process, and not the tool.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "testing/test_case.hpp"
#include "volley/config.hpp"

namespace volley::cli::testing {

struct IsolationOptions {
    std::vector<std::string> plugin_dirs;
    std::chrono::milliseconds time_limit{60'000};
    bool colours = false;
};

struct Outcome {
    bool has_passed = false;
    std::string report;  // what is not as expected
    std::string log;     // what the engine logged and the handler printed
    double seconds = 0;
};

// Requires: this process has one thread.
Outcome run_isolated(const TestCase& test, const Config& config, const IsolationOptions& options);

}  // namespace volley::cli::testing

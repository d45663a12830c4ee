// Runs a test: the real engine with the component, between the test's stores and on its clock. For a process
// of its own, because the handler can end it (testing/isolation.hpp).
#pragma once

#include <string>
#include <vector>

#include "testing/scenario.hpp"
#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::cli::testing {

struct RunOptions {
    std::vector<std::string> plugin_dirs;
    std::string state_dir;  // a temporary folder
};

// What happened. Errors: the engine could not be made; the text says why. Call it once in a process.
Result<void> run_component(const Config& config, const RunOptions& options, Scenario& scenario);

}  // namespace volley::cli::testing

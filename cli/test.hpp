// `volley test`: unit tests of a component, without its stores.
#pragma once

#include <string>
#include <vector>

namespace volley::cli {

struct Test {
    std::vector<std::string> files;  // or folders; empty: tests/*.yml
    std::string junit;               // a file for the results; empty: none
    std::string timeout = "60s";     // of real time, for each test
    bool watch = false;              // run again when a file changes, until a signal
};

// Prints the results to standard output. Returns the exit code: 0 all passed, 1 some did not, 78 the
// configuration is wrong.
int test(const Test& options, const std::string& config_file, const std::vector<std::string>& plugin_dirs);

}  // namespace volley::cli

// Chooses the checks for some plugins, runs them and prints what they found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace volley::cli::plugin_check {

struct Arguments {
    std::vector<std::string> files;  // "file.so" or "file.so:Class"
    std::string config;              // JSON, or a file
    std::string value;
    std::string body = "{}";
    std::vector<std::string> only, tolerate;
    std::uint64_t seed = 1;
    std::string timeout = "60s";
    bool list = false;
    bool json = false;
};

// Returns the exit code: 0 if no check failed.
int run(const Arguments& arguments);

}  // namespace volley::cli::plugin_check

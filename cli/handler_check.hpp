// The verb `volley handler-check`.
#pragma once

#include <string>
#include <vector>

namespace volley::cli {

struct HandlerCheck {
    std::vector<std::string> program;  // and its arguments
    std::string timeout = "10s";
    int version = 2;
    std::string body = "{}";
    bool echo = false;
    bool list = false;
    bool json = false;
    std::vector<std::string> only;      // names of checks; empty: all
    std::vector<std::string> tolerate;  // a failure of these is a warning
};

// Returns the exit code: 0, 1 if a check failed, 64.
int handler_check(const HandlerCheck& options);

}  // namespace volley::cli

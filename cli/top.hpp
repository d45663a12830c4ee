// `volley top`: what a running engine does, on the whole terminal, renewed once a second.
#pragma once

#include <string>

namespace volley::cli {

struct Top {
    std::string address;  // empty: from the configuration
    bool json = false;    // one snapshot as JSON
};

// Without a terminal it prints one snapshot and ends. Returns the exit code.
int top(const std::string& config_file, const Top& options);

}  // namespace volley::cli

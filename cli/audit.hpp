// `volley audit`: who changed what in a running engine, or according to its log.
#pragma once

#include <string>

namespace volley::cli {

struct Audit {
    std::string address;  // empty: from the configuration
    std::string file;     // a log instead of a running engine; "-": standard input
    bool json = false;
};

// Returns the exit code.
int audit(const std::string& config_file, const Audit& options);

}  // namespace volley::cli

// `volley support-bundle`: what somebody needs who is to help, in one file, without secrets.
#pragma once

#include <string>
#include <vector>

#include "volley/config.hpp"

namespace volley::cli {

struct SupportBundle {
    std::string address;  // empty: from the configuration
    std::string out;      // empty: a name with the time
    std::string log;      // a log, of which the end goes in; empty: only what the engine remembers
    std::vector<std::string> plugin_dirs;
};

// Works without a running engine, too, and says what it could not get. Returns the exit code.
int support_bundle(const std::string& config_file, const SupportBundle& options);

}  // namespace volley::cli

// `volley deploy`: what runs a configuration on Kubernetes, under systemd, or with Compose.
#pragma once

#include <string>
#include <vector>

#include "deploy/targets.hpp"

namespace volley::cli {

struct Deploy {
    std::string to;      // one of deploy_targets()
    std::string file;    // the configuration
    std::string output;  // a folder; empty: standard output
    bool force = false;  // replace files in it
    deploy::Target target;
};

const std::vector<std::string>& deploy_targets();

// Prints to standard output, or writes files. Mistakes and notes go to standard error. Returns the exit code.
int deploy_file(const Deploy& options);

}  // namespace volley::cli

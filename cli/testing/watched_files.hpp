// Notices changes of files by looking at them: works on every file system, also across a network.
#pragma once

#include <string>
#include <vector>

#include "volley/config.hpp"

namespace volley::cli::testing {

// What a run depends on: the test files, the configuration, and the files of its folder, where handlers and
// schemas are. Not what version control, builds and package managers keep.
std::vector<std::string> watched_files(const std::vector<std::string>& test_files,
                                       const std::string& config_file, const Config* config);

// A text that changes if one of the files does.
std::string state_of(const std::vector<std::string>& files);

}  // namespace volley::cli::testing

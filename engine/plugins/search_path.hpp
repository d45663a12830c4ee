// Where plugins are looked for. Never the working directory: who can write there must not choose our code.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "volley/config.hpp"

namespace volley::plugins {

// Returns the directories, absolute, in the order in which they are searched: `command_line` (each
// --plugin-dir, relative to the working directory, as every argument is), plugin_dirs (relative to the
// configuration's folder), VOLLEY_PLUGIN_PATH (colons between), ../lib/volley/plugins and ../plugins beside
// the running binary. Empty elements are skipped, directories that do not exist are kept: an error lists
// them. Thread: any.
std::vector<std::filesystem::path> search_path(const std::vector<std::string>& command_line,
                                               const Config& config);

}  // namespace volley::plugins

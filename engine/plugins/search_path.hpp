// Where plugins are searched for. Never in the working directory: whoever can write there must not choose the
// code that the engine runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "volley/config.hpp"

namespace volley::plugins {

// Returns the directories as absolute paths in search order: `command_line` (each --plugin-dir, relative to
// the working directory, like every argument), plugin_dirs (relative to the directory of the configuration),
// VOLLEY_PLUGIN_PATH (separated by colons), ../lib/volley/plugins and ../plugins next to the running binary.
// Skips empty elements. Keeps directories that do not exist, so that an error lists them. Thread: any.
std::vector<std::filesystem::path> search_path(const std::vector<std::string>& command_line,
                                               const Config& config);

}  // namespace volley::plugins

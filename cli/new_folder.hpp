// A folder with files that appears as a whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "project.hpp"

namespace volley::cli {

// Returns the last part of the path, also of one like "." or "new/".
std::string folder_name(const std::string& folder);

// Writes the files into `folder`, which must be empty or not exist: all of them, or none. Signals that end
// the process wait meanwhile; one that comes before the files are in place removes them again, and takes
// effect when this returns. Only a process that is killed leaves a folder .volley-init-… behind. Returns why
// the files could not be written, with advice, or nothing.
std::optional<std::string> write_folder(const std::string& folder, const std::vector<ProjectFile>& files);

}  // namespace volley::cli

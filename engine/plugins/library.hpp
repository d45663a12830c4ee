// Loads a shared object: opens it, calls its entry function once in the life of the process, and checks its
// description. Thread: any.
#pragma once

#include <filesystem>

#include "plugins/description.hpp"
#include "volley/error.hpp"

namespace volley::plugins {

// Returns the description, which lives as long as the process. The same file (device and inode) returns the
// same description under any name. A file that is not a plugin returns the same error again. Errors have the
// code config, or the one that the entry function returned.
Result<const Description*> load_library(const std::filesystem::path& file);

}  // namespace volley::plugins

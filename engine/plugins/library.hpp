// One shared object: opened, its entry called once in the life of the process, its description checked.
// Thread: any.
#pragma once

#include <filesystem>

#include "plugins/description.hpp"
#include "volley/error.hpp"

namespace volley::plugins {

// Returns the description, which lives as long as the process. The same file (device and inode) gives the
// same one, under whatever name. A file that is no plugin gives the same error again. Errors have the code
// config, or what the entry said.
Result<const Description*> load_library(const std::filesystem::path& file);

}  // namespace volley::plugins

// Shared objects as files.
#pragma once

#include <filesystem>

namespace volley::plugins {

// Returns whether the end of a shared object is missing, for example because it is still being copied. The
// dynamic loader maps such a file, and the process ends with SIGBUS when it touches the missing part. False
// if the file is no ELF file of this machine's class, or cannot be read: the loader says so.
bool is_cut_off(const std::filesystem::path& file);

}  // namespace volley::plugins

// Checks shared objects as files, before the dynamic loader maps them.
#pragma once

#include <filesystem>

namespace volley::plugins {

// Returns whether the end of a shared object is missing, for example because it is still being copied. The
// dynamic loader maps such a file, and touching the missing part ends the process with SIGBUS. Returns false
// if the file is not an ELF file of this machine's class or cannot be read; the loader then reports the
// error.
bool is_cut_off(const std::filesystem::path& file);

}  // namespace volley::plugins

// volley migrate: a file of py-volley to standard output as one of ours; what was guessed, changed or left
// out to standard error.
#pragma once

#include <string>

namespace volley::cli {

// Returns an exit code: 0, or 78 if nothing could be made of the file.
int migrate(const std::string& path);

}  // namespace volley::cli

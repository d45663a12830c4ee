// Why a program does not start, in words that say what to mend.
#pragma once

#include <string>

namespace volley::handlers {

// The text for errno `error` of exec for a program, which is a path or a name that is searched in PATH.
// Relative paths are relative to `directory`.
std::string start_failure(const std::string& program, const std::string& directory, int error);

}  // namespace volley::handlers

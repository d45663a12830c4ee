// A file of py-volley as one of ours. Its components were Python programs, so they are guessed from the
// queues' names; whatever was guessed, changed or left out is told.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.hpp"

namespace volley::config {

struct Migrated {
    std::string yaml;  // empty if `told` has errors: the file could not be read
    std::vector<Diagnostic> told;
};

// `file` is the name for messages. Reads no other file and no environment.
Migrated migrate(const std::string& text, const std::string& file);

}  // namespace volley::config

// Translates a file of py-volley. Its components were Python programs, so they are guessed from the names of
// the queues. Whatever was guessed, changed or left out is reported.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.hpp"

namespace volley::config {

struct Migrated {
    std::string yaml;  // empty if `told` has errors: the file could not be read
    std::vector<Diagnostic> told;
};

// `file` is its name for messages. Reads no other file and no environment.
Migrated migrate(const std::string& text, const std::string& file);

}  // namespace volley::config

// Files that a configuration consists of: itself, schemas, credentials.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace volley::config {

struct FileText {
    std::optional<std::string> text;  // nothing: it could not be read
    int error = 0;                    // errno's value then
    std::string why;                  // and what it means, as a clause: "Permission denied"
};

// Reads a file, `most_bytes` of it at most, so that a device without an end costs no memory. A pipe can be
// read, too; one to which nobody writes is given up after five seconds. Blocks for no longer, except on a
// file system that does.
FileText read_file(const std::filesystem::path& path, std::size_t most_bytes);

}  // namespace volley::config

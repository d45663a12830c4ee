// Finds the rest of a file after a rotation: under another name in the same folder. Thread: the owner's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "position.hpp"
#include "source.hpp"

namespace volley::file {

// Whether `name` is a rotated `file`: app.log.1, app.log-20240131, app.log-20240131T235959.123Z-2.
bool is_rotated_name(std::string_view file, std::string_view name);

// The rotated files of `path`, oldest first; opened, so that another rotation does not affect them. Throws
// system_error.
std::vector<Source> open_rotated(const std::string& path);

// Whether it is the file of the position and still has the content that was read. Throws system_error.
bool is_file_of(const Source& source, const Position& position);
// Whether it has the content that was read, even if it is another file. Throws system_error.
bool has_content_of(const Source& source, const Position& position);

// The files to continue with, beginning with that of the position; nothing if it is not among the rotated
// ones. Throws system_error.
std::vector<Source> rotated_since(const std::string& path, const Position& position);

// The position after the last newline of a file. Throws system_error.
std::uint64_t after_last_line(const Source& source);

}  // namespace volley::file

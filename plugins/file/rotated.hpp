// Where the rest of a file is after it was rotated: under another name in the same folder. Thread: the
// owner's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "position.hpp"
#include "source.hpp"

namespace volley::file {

// Is `name` what a rotation makes of `file`: app.log.1, app.log-20240131, app.log-20240131T235959.123Z-2?
bool is_rotated_name(std::string_view file, std::string_view name);

// The rotated files of `path`, oldest first; opened, so that another rotation changes nothing. Throws
// system_error.
std::vector<Source> open_rotated(const std::string& path);

// Is it the file of the position, and is what was read of it still there? Throws system_error.
bool is_file_of(const Source& source, const Position& position);
// Has it the content that was read, in whatever file? Throws system_error.
bool has_content_of(const Source& source, const Position& position);

// The files to read on, the one of the position first, or nothing if it is not among the rotated ones. Throws
// system_error.
std::vector<Source> rotated_since(const std::string& path, const Position& position);

// The position after the last newline of a file. Throws system_error.
std::uint64_t after_last_line(const Source& source);

}  // namespace volley::file

// One file that is read, whatever name it has meanwhile; or standard input.
#pragma once

#include <optional>
#include <string>

#include "descriptor.hpp"
#include "fingerprint.hpp"

namespace volley::file {

struct Source {
    Descriptor fd;
    std::string path;        // the name under which it was opened
    bool is_stream = false;  // a pipe: no positions, and it ends
    FileId id;
    Fingerprint head;
    std::uint64_t base = 0;      // the offset of its first byte
    std::uint64_t last_end = 0;  // the position after the last line that was delivered
    bool is_finished = false;    // reading has gone on to the next file
    // At the last end of it, so that an end that has not changed is not read again.
    std::uint64_t end_size = 0;
    std::int64_t end_modified_ns = -1;
};

// Opens a regular file, or a pipe. Returns nothing if there is no file of this name. Throws system_error, and
// Error{config} if it is a folder.
std::optional<Source> open_source(const std::string& path);
Source open_standard_input();

// How a file that was read up to `position` is now.
enum class Content {
    same,     // nothing has changed since its end was reached
    grown,    // there may be more
    replaced  // it was truncated, or written anew
};
// Throws system_error.
Content look_at(Source& source, std::uint64_t position);
// Covers more of the file's first bytes by its fingerprint, as far as they were read as lines: an unfinished
// line behind them may still change. Throws system_error.
void extend_head(Source& source, std::uint64_t position);
// The end of it was reached. `status` is that of before it was read.
void note_end(Source& source, const FileStatus& status);

}  // namespace volley::file

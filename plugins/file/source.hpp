// One file that is read, even if it is renamed meanwhile; or standard input.
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
    bool is_finished = false;    // reading has moved to the next file
    // The status at its last end, so that an unchanged end is not read again.
    std::uint64_t end_size = 0;
    std::int64_t end_modified_ns = -1;
};

// Opens a regular file, or a pipe. Returns nothing if there is no file of this name. Throws system_error, and
// Error{config} if it is a folder.
std::optional<Source> open_source(const std::string& path);
Source open_standard_input();

// The state of a file that was read up to `position`.
enum class Content {
    same,     // nothing has changed since its end was reached
    grown,    // there may be more
    replaced  // it was truncated or rewritten
};
// Throws system_error.
Content look_at(Source& source, std::uint64_t position);
// Extends the fingerprint of the file's first bytes to the complete lines that were read: an unfinished line
// after them may still change. Throws system_error.
void extend_head(Source& source, std::uint64_t position);
// The end of the file was reached. `status`: its status before it was read.
void note_end(Source& source, const FileStatus& status);

}  // namespace volley::file

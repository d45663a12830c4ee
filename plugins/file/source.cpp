#include "source.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace volley::file {

std::optional<Source> open_source(const std::string& path) {
    Source source;
    source.path = path;
    // A pipe without a writer must not block the open.
    source.fd = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!source.fd) {
        if (errno == ENOENT) return std::nullopt;
        throw system_error(path, "cannot be opened", errno);
    }
    FileStatus status;
    if (!status_of(source.fd.get(), status)) throw system_error(path, "cannot be read", errno);
    if (status.is_folder) throw Error(ErrorCode::config, path + ": this is a folder, not a file", "/path");
    source.id = status.id;
    source.is_stream = !status.is_regular;
    return source;
}

Source open_standard_input() {
    Source source;
    source.path = "standard input";
    source.fd = Descriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!source.fd) throw Error(ErrorCode::config, "standard input is closed", "/path");
    source.is_stream = true;
    return source;
}

Content look_at(Source& source, std::uint64_t position) {
    FileStatus status;
    if (!status_of(source.fd.get(), status)) throw system_error(source.path, "cannot be read", errno);
    if (status.size == source.end_size && status.modified_ns == source.end_modified_ns) return Content::same;
    if (status.size < position || !has_head(source.fd.get(), source.path, source.head))
        return Content::replaced;
    extend_head(source, position);
    return Content::grown;
}

void extend_head(Source& source, std::uint64_t position) {
    if (source.head.size < head_bytes && source.head.size < position)
        source.head = read_head(source.fd.get(), source.path, position);
}

void note_end(Source& source, const FileStatus& status) {
    source.end_size = status.size;
    source.end_modified_ns = status.modified_ns;
}

}  // namespace volley::file

#include "tail.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "rotated.hpp"

namespace volley::file {

namespace {

std::string bytes(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " byte" : " bytes"); }

}  // namespace

void Tail::begin(const std::optional<Position>& position, LineReader& reader) {
    sources_.clear();
    current_ = 0;
    next_base_ = 0;
    auto named = open_source(config_.path);
    if (named && named->is_stream) throw Error(ErrorCode::config, config_.path + ": this is no regular file");
    if (!position) {
        const std::uint64_t start = named && config_.start_at_end ? after_last_line(*named) : 0;
        if (named) add(std::move(*named));
        return reader.start(start);
    }
    next_base_ = position->base;
    if (named && is_file_of(*named, *position)) {
        add(std::move(*named));
        extend_head(current(), position->position);
        return reader.start(position->position);
    }
    for (Source& source : rotated_since(config_.path, *position)) add(std::move(source));
    const bool was_found = has_source();
    if (was_found) extend_head(current(), position->position);
    if (!was_found) {
        next_base_ += position->position;
        if (position->position > 0)
            context_.warning(config_.path + ": the file of which " + bytes(position->position) +
                             " were read is gone, or was written anew; if more was in it, that is not read. "
                             "What has the name "
                             "now is read from the beginning");
    } else {
        context_.info(config_.path + ": reading goes on in " + current().path);
    }
    if (named) add(std::move(*named));
    reader.start(was_found ? position->position : 0);
}

void Tail::add(Source source) {
    if (sources_.empty()) source.base = next_base_;
    sources_.push_back(std::move(source));
}

void Tail::look(LineReader& reader) {
    FileStatus status;
    if (!status_of(config_.path, status)) {
        if (errno != ENOENT) throw system_error(config_.path, "cannot be read", errno);
    } else if (!has_source() || !(status.id == sources_.back().id)) {
        auto source = open_source(config_.path);
        // The file may have been replaced again since.
        if (source && !source->is_stream && (!has_source() || !(source->id == sources_.back().id))) {
            noticed_ = Clock::now();
            add(std::move(*source));
            if (sources_.size() == 1) reader.start(0);
        }
    }
    if (has_source() && look_at(current(), reader.position()) == Content::replaced) truncated(reader);
}

// The same file starts over. Unread lines may be in a copy, if the truncation was a rotation.
void Tail::truncated(LineReader& reader) {
    const std::uint64_t position = reader.position();
    Source& old = current();
    Position read;
    read.position = position;
    read.head = old.head;
    std::optional<Source> copy;
    for (Source& source : open_rotated(config_.path)) {
        if (position > 0 && !(source.id == old.id) && has_content_of(source, read)) copy = std::move(source);
    }
    context_.warning(old.path + ": the file was truncated after " + bytes(position) + " were read; " +
                     (copy ? "reading goes on in its copy, " + copy->path + ", and then at the beginning"
                           : "it is read from the beginning"));
    Source again;
    again.path = old.path;
    again.id = old.id;
    again.fd = Descriptor(::fcntl(old.fd.get(), F_DUPFD_CLOEXEC, 3));
    if (!again.fd) throw system_error(old.path, "cannot be opened", errno);
    const std::uint64_t base = old.base;
    const bool has_copy = copy.has_value();
    auto next = sources_.begin() + static_cast<std::ptrdiff_t>(current_) + 1;
    next = sources_.insert(next, std::move(again));
    if (has_copy) sources_.insert(next, std::move(*copy));
    use_next(reader, has_copy ? position : 0);
    if (has_copy) current().base = base;
}

void Tail::use_next(LineReader& reader, std::uint64_t position) {
    current().is_finished = true;
    const std::uint64_t base = current().base + reader.position();
    ++current_;
    current().base = base;
    grown_ = Clock::now();
    reader.start(position);
}

void Tail::delivered(std::uint64_t end) {
    current().last_end = end;
    extend_head(current(), end);
}

void Tail::note_end(const FileStatus& before) {
    if (before.size != current().end_size) grown_ = Clock::now();
    file::note_end(current(), before);
}

bool Tail::go_on(LineReader& reader) {
    if (pending() == 0) return false;
    FileStatus next;
    if (!status_of(pending_at(0).fd.get(), next)) throw system_error(config_.path, "cannot be read", errno);
    const bool is_used = next.size > 0 || pending() > 1;
    const auto quiet_since = std::max(noticed_, grown_);
    if (!is_used || Clock::now() < quiet_since + std::chrono::milliseconds(config_.rotate_wait_ms))
        return false;
    const std::uint64_t left = current().end_size - std::min(current().end_size, reader.position());
    if (left > 0)
        context_.warning(current().path + ": the file ends in " + bytes(left) +
                         " without a newline; they are no message");
    use_next(reader, 0);
    return true;
}

Position Tail::make_position(Source& source, std::uint64_t position) const {
    extend_head(source, position);
    Position p;
    p.base = source.base;
    p.position = position;
    p.file = source.id;
    p.head = source.head;
    p.before = read_before(source.fd.get(), source.path, position);
    return p;
}

Position Tail::position_of(std::uint64_t offset) {
    std::size_t i = current_;
    while (i > 0 && sources_[i].base >= offset) --i;
    const Source& last = sources_[i];
    if (i < current_ && last.is_finished && offset >= last.base + last.last_end) ++i;
    sources_.erase(sources_.begin(), sources_.begin() + static_cast<std::ptrdiff_t>(i));
    current_ -= i;
    Source& source = sources_.front();
    return make_position(source, offset > source.base ? offset - source.base : 0);
}

Position Tail::position_of_reader(const LineReader& reader) {
    if (!has_source()) {
        Position p;
        p.base = next_base_;
        return p;
    }
    return make_position(current(), reader.position());
}

}  // namespace volley::file

// Follows a name in a folder: the file that is read, later files of the same name, and files that were read
// but still have unfinished messages. Decides when to move to the next file. Thread: the owner's.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "config.hpp"
#include "line_reader.hpp"
#include "position.hpp"
#include "source.hpp"

namespace volley::file {

class Tail {
public:
    Tail(const Context& context, const FileConfig& config) : context_(context), config_(config) {}

    // Moves to the stored position, or to the configured start. Throws system_error.
    void begin(const std::optional<Position>& position, LineReader& reader);
    // Detects a new file of this name, and a truncated one. Throws system_error.
    void look(LineReader& reader);
    // The end of the current file was reached: moves to the next one if there is one and the wait is over.
    // Returns whether it moved. Throws system_error.
    bool go_on(LineReader& reader);
    // The end of the current file was reached; `before` is its status before it was read.
    void note_end(const FileStatus& before);
    // Lines of the current file up to `end` were delivered.
    void delivered(std::uint64_t end);

    // The position at which to continue if everything before `offset` is done. Closes the files before it.
    // Throws system_error.
    Position position_of(std::uint64_t offset);
    // The same for the current position.
    Position position_of_reader(const LineReader& reader);

    bool has_source() const { return !sources_.empty(); }
    Source& current() { return sources_[current_]; }
    // The files to read after the current one.
    std::size_t pending() const { return sources_.empty() ? 0 : sources_.size() - current_ - 1; }
    Source& pending_at(std::size_t i) { return sources_[current_ + 1 + i]; }

private:
    using Clock = std::chrono::steady_clock;

    void add(Source source);
    void use_next(LineReader& reader, std::uint64_t position);
    void truncated(LineReader& reader);
    Position make_position(Source& source, std::uint64_t position) const;

    Context context_;
    FileConfig config_;
    std::deque<Source> sources_;
    std::size_t current_ = 0;
    std::uint64_t next_base_ = 0;  // for the first file, if there is none yet
    Clock::time_point noticed_;    // when a file last took the name
    Clock::time_point grown_;      // when the current file was last seen to grow
};

}  // namespace volley::file

// The file that stores how far a component has read: two slots that are written in turn, each with a
// checksum. If a crash tears a write, the other slot is intact. The file is locked while a consumer reads, so
// that two processes never continue at the same position. Thread: the owner's.
#pragma once

#include <optional>
#include <string>

#include "descriptor.hpp"
#include "fingerprint.hpp"

namespace volley::file {

struct Position {
    std::string identity;        // random; created with the position file
    std::uint64_t base = 0;      // the offset of the file's first byte; grows across rotations
    std::uint64_t position = 0;  // bytes of the file that are done
    FileId file;
    Fingerprint head;    // of the file's first bytes
    Fingerprint before;  // of the bytes before `position`
};

std::string to_text(const Position& position, std::uint64_t sequence);
// Returns nothing if the text is torn or not a position. Sets `sequence`.
std::optional<Position> parse_position(std::string_view text, std::uint64_t& sequence);

// Reads without a lock, for inspection. Returns nothing if there is no such file, or no position in it.
std::optional<Position> read_position(const std::string& path);

class PositionFile {
public:
    explicit PositionFile(std::string path) : path_(std::move(path)) {}

    // Opens or creates the file and locks it. Returns the position in it. Throws Error{retry} if another
    // process has the lock, Error{config} if the file cannot be created or belongs to another program.
    std::optional<Position> open();
    // Throws system_error. The previous position stays valid until this one is complete.
    void write(const Position& position);
    // Makes the written position survive a power failure. Throws system_error.
    void sync();
    bool is_open() const { return static_cast<bool>(fd_); }
    void close() { fd_ = Descriptor(); }

private:
    std::string path_;
    Descriptor fd_;
    std::uint64_t sequence_ = 0;
};

}  // namespace volley::file

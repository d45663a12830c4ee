// The file that remembers how far a component has read: two slots that are written in turn, each with a
// checksum. A write that is torn by a crash leaves the other slot. It is locked while a consumer reads, so
// that two processes never continue one position. Thread: the owner's.
#pragma once

#include <optional>
#include <string>

#include "descriptor.hpp"
#include "fingerprint.hpp"

namespace volley::file {

struct Position {
    std::string identity;        // random; made with the position file
    std::uint64_t base = 0;      // the offset of the file's first byte: grows over rotations
    std::uint64_t position = 0;  // bytes of the file that are done
    FileId file;
    Fingerprint head;    // of the file's first bytes
    Fingerprint before;  // of the bytes before `position`
};

std::string to_text(const Position& position, std::uint64_t sequence);
// Returns nothing if the text is torn or no position. Sets `sequence`.
std::optional<Position> parse_position(std::string_view text, std::uint64_t& sequence);

// Reads without a lock, for inspection. Nothing: there is no such file, or no position in it.
std::optional<Position> read_position(const std::string& path);

class PositionFile {
public:
    explicit PositionFile(std::string path) : path_(std::move(path)) {}

    // Opens, makes and locks the file. Returns the position in it. Throws Error{retry} if another process has
    // the lock, Error{config} if the file cannot be made or is another program's.
    std::optional<Position> open();
    // Throws system_error. The one before stays valid until this one is complete.
    void write(const Position& position);
    // What was written survives a power cut. Throws system_error.
    void sync();
    bool is_open() const { return static_cast<bool>(fd_); }
    void close() { fd_ = Descriptor(); }

private:
    std::string path_;
    Descriptor fd_;
    std::uint64_t sequence_ = 0;
};

}  // namespace volley::file

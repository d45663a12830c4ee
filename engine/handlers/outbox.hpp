// The bytes on their way to a child's standard input, and how many it took: from that and from what the pipe
// still holds follows what the child has read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::handlers {

struct Outbox {
    std::string bytes;
    std::size_t sent = 0;     // of `bytes`, into the pipe
    std::uint64_t taken = 0;  // by the pipe, since the child began

    std::string_view pending() const { return std::string_view(bytes).substr(sent); }
    // Where in the child's stream the next byte that is appended will stand.
    std::uint64_t position() const { return taken + bytes.size() - sent; }

    void advance(std::size_t count) {
        sent += count;
        taken += count;
        if (sent == bytes.size()) {
            bytes.clear();
            sent = 0;
        }
    }
    // Only a line that is begun is still finished.
    void drop_unsent() {
        const bool inside = sent > 0 && bytes[sent - 1] != '\n';
        if (inside) return bytes.resize(bytes.find('\n', sent) + 1);
        bytes.clear();
        sent = 0;
    }
    void reset() { *this = Outbox(); }
};

}  // namespace volley::handlers

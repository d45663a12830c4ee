// The bytes for a child's standard input, and how many of them the pipe has accepted. Together with what is
// still in the pipe this tells how much the child has read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::handlers {

struct Outbox {
    std::string bytes;
    std::size_t sent = 0;     // bytes that were written to the pipe
    std::uint64_t taken = 0;  // bytes that the pipe has accepted since the child began

    std::string_view pending() const { return std::string_view(bytes).substr(sent); }
    // The position in the child's input of the next byte that is appended.
    std::uint64_t position() const { return taken + bytes.size() - sent; }

    void advance(std::size_t count) {
        sent += count;
        taken += count;
        if (sent == bytes.size()) {
            bytes.clear();
            sent = 0;
        }
    }
    // Drops all lines but one that is partly written.
    void drop_unsent() {
        const bool inside = sent > 0 && bytes[sent - 1] != '\n';
        if (inside) return bytes.resize(bytes.find('\n', sent) + 1);
        bytes.clear();
        sent = 0;
    }
    void reset() { *this = Outbox(); }
};

}  // namespace volley::handlers

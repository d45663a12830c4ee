// The pipes of a child process: bytes to it, lines from it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "handlers/child.hpp"
#include "handlers/lines.hpp"

namespace volley::cli::conformance {

class Wire {
public:
    explicit Wire(std::unique_ptr<handlers::Child> child) : child_(std::move(child)) {}

    // Queues bytes, which turn() writes.
    void write(std::string_view bytes) { unwritten_ += bytes; }
    // Writes and reads what is possible, after waiting for that at most so long. Appends lines that are not
    // empty.
    void turn(int wait_ms, std::vector<std::string>& lines);
    // Reads what is there, up to 1 MB. After the end of the child: the rest.
    void read_some(std::vector<std::string>& lines);
    void close_input();

    bool is_written() const { return unwritten_.empty(); }
    bool is_output_closed() const { return output_closed_; }
    // Whether the child has taken bytes from its input.
    bool was_read() const { return written_ > 0 && child_->unread() < written_; }
    // Whether the child has begun a line, and not ended it.
    bool is_inside_line() const { return lines_.is_inside(); }
    std::uint64_t progress() const { return progress_; }  // grows with each byte in either direction
    handlers::Child& child() { return *child_; }

private:
    void write_some();

    std::unique_ptr<handlers::Child> child_;
    handlers::LineReader lines_{std::size_t{64} << 20};
    std::string unwritten_;
    std::size_t written_ = 0;  // in all
    bool output_closed_ = false;
    bool input_closed_ = false;
    std::uint64_t progress_ = 0;
};

}  // namespace volley::cli::conformance

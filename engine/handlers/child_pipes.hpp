// A running child with the bytes on their way to it and from it. Knows lines, but nothing of the protocol.
// Owned and used by one thread.
//
// Invariant: what is left of one child, bytes and lines, is gone before the next one starts.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "handlers/child.hpp"
#include "handlers/lines.hpp"
#include "handlers/outbox.hpp"

namespace volley::handlers {

class ChildPipes {
public:
    using Clock = std::chrono::steady_clock;

    // `longest`: of a line of the child, in bytes.
    explicit ChildPipes(std::size_t longest) : lines_(longest) {}

    // Starts a child. Errors: as Child::start(). Requires: !is_running().
    Result<void> start(const ChildOptions& options);
    bool is_running() const { return child_ != nullptr; }
    // The child is the caller's to end.
    std::unique_ptr<Child> release() { return std::move(child_); }

    // ---- Requires, as all below: is_running()

    const Child& child() const { return *child_; }
    Outbox& outbox() { return outbox_; }
    // How many bytes of its input the child has read.
    std::uint64_t bytes_read() const { return outbox_.taken - child_->unread(); }

    // Waits until bytes can be moved, the child has ended, or `wake` is readable, at most until `wait` is
    // over. Moves what can be moved, and returns whether the child has ended.
    bool transfer(std::chrono::milliseconds wait, int wake);
    // Writes what the pipe takes of the outbox.
    void write();
    // Reads once. Returns how many bytes came.
    std::size_t read();
    // A line that was read, or nothing. Valid until the next call of any function.
    std::optional<Line> next_line() { return lines_.next(); }
    // Whether a line was read without its end.
    bool is_inside_line() const { return lines_.is_inside(); }

    // Whether the child has closed its standard input, so that it gets nothing any more, or its output.
    bool is_input_closed() const { return is_input_closed_; }
    bool is_output_closed() const { return is_output_closed_; }

private:
    LineReader lines_;
    Outbox outbox_;
    bool is_input_closed_ = false;
    bool is_output_closed_ = false;
    std::unique_ptr<Child> child_;
};

}  // namespace volley::handlers

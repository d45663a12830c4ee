#include "conformance/wire.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace volley::cli::conformance {

void Wire::turn(int wait_ms, std::vector<std::string>& lines) {
    const bool writes = !unwritten_.empty() && !input_closed_;
    pollfd fds[3] = {{output_closed_ ? -1 : child_->output(), POLLIN, 0},
                     {writes ? child_->input() : -1, POLLOUT, 0},
                     {child_->end_event(), POLLIN, 0}};
    if (poll(fds, 3, wait_ms) < 0) return;
    if (fds[1].revents != 0) write_some();
    if (fds[0].revents != 0) read_some(lines);
}

void Wire::close_input() {
    child_->close_input();
    input_closed_ = true;
    unwritten_.clear();
}

void Wire::write_some() {
    const ssize_t n = ::write(child_->input(), unwritten_.data(), unwritten_.size());
    if (n > 0) {
        unwritten_.erase(0, static_cast<std::size_t>(n));
        written_ += static_cast<std::size_t>(n);
        progress_ += static_cast<std::uint64_t>(n);
    } else if (errno == EPIPE) {
        input_closed_ = true;
        unwritten_.clear();
    }
}

void Wire::read_some(std::vector<std::string>& lines) {
    constexpr int most_reads = 16;  // the child may write without end; a pipe holds no more
    char buffer[64 * 1024];
    for (int reads = 0; reads < most_reads && !output_closed_; ++reads) {
        const ssize_t n = ::read(child_->output(), buffer, sizeof buffer);
        if (n == 0) output_closed_ = true;
        if (n <= 0) return;
        progress_ += static_cast<std::uint64_t>(n);
        lines_.append({buffer, static_cast<std::size_t>(n)});
        while (const auto line = lines_.next())
            if (line->text.find_first_not_of(" \t\r") != std::string_view::npos)
                lines.emplace_back(line->text);
    }
}

}  // namespace volley::cli::conformance

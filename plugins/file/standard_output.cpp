#include "standard_output.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "volley/error.hpp"

namespace volley::file {

namespace {

// A ready pipe accepts this many bytes without blocking.
constexpr std::size_t part = PIPE_BUF;

}  // namespace

StandardOutput& StandardOutput::instance() {
    static auto& output = *new StandardOutput;  // threads may outlive main
    return output;
}

std::size_t StandardOutput::write(std::string_view bytes, std::chrono::steady_clock::time_point until) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
        pollfd ready{STDOUT_FILENO, POLLOUT, 0};
        const int polled = ::poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
        if (polled < 0 && errno == EINTR) continue;
        if (polled <= 0) return done;
        const ssize_t n = ::write(STDOUT_FILENO, bytes.data() + done, std::min(part, bytes.size() - done));
        if (n >= 0) {
            done += static_cast<std::size_t>(n);
        } else if (errno == EPIPE || errno == EBADF) {
            throw Error(ErrorCode::fatal, "standard output: nobody reads it any more");
        } else if (errno == EAGAIN || (errno != EINTR && done > 0)) {
            return done;  // the error recurs before anything else is written
        } else if (errno != EINTR) {
            throw Error(ErrorCode::retry,
                        std::string("standard output: cannot be written: ") + std::strerror(errno));
        }
    }
    return done;
}

bool StandardOutput::write_rest_until(std::chrono::steady_clock::time_point until) {
    if (!rest_.empty()) rest_.erase(0, write(rest_, until));
    return rest_.empty();
}

std::size_t StandardOutput::take(std::string_view lines, std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + time;
    if (!write_rest_until(until)) return 0;
    const std::size_t n = write(lines, until);
    if (n == 0) return 0;
    const std::size_t newline = lines.find('\n', n - 1);
    const std::size_t end = newline == std::string_view::npos ? lines.size() : newline + 1;
    rest_ = lines.substr(n, end - n);
    taken_ += end;
    return end;
}

void StandardOutput::write_rest(std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    write_rest_until(std::chrono::steady_clock::now() + time);
}

std::uint64_t StandardOutput::taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
}

std::uint64_t StandardOutput::written() {
    const std::lock_guard lock(mutex_);
    return taken_ - rest_.size();
}

}  // namespace volley::file

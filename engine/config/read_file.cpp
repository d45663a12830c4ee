#include "config/read_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace volley::config {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{5};  // with the writer of a pipe

FileText failed(int error) { return {std::nullopt, error, std::strerror(error)}; }

// Returns false if nothing can be read before the deadline.
bool wait_for_writer(int fd, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd readable{fd, POLLIN, 0};
        const int ready = poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

FileText read_all(int fd, bool is_pipe, std::size_t most_bytes) {
    const auto deadline = Clock::now() + patience;
    std::string text;
    char buffer[65536];
    while (text.size() < most_bytes) {
        if (is_pipe && !wait_for_writer(fd, deadline))
            return {std::nullopt, ETIMEDOUT, "it is a pipe, and nobody has written to it for 5 s"};
        const ssize_t n = read(fd, buffer, std::min(sizeof buffer, most_bytes - text.size()));
        if (n == 0) break;
        if (n > 0)
            text.append(buffer, static_cast<std::size_t>(n));
        else if (errno != EINTR && errno != EAGAIN)
            return failed(errno);
    }
    return {std::move(text), 0, {}};
}

FileText read_open(int fd, std::size_t most_bytes) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return failed(errno);
    if (S_ISDIR(status.st_mode)) return {std::nullopt, EISDIR, "it is a folder"};
    const bool is_pipe = S_ISFIFO(status.st_mode);
    if (!is_pipe && fcntl(fd, F_SETFL, 0) != 0) return failed(errno);
    return read_all(fd, is_pipe, most_bytes);
}

}  // namespace

FileText read_file(const std::filesystem::path& path, std::size_t most_bytes) {
    // O_NONBLOCK: the open of a pipe would wait for its writer.
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return failed(errno);
    FileText result = read_open(fd, most_bytes);
    close(fd);
    return result;
}

}  // namespace volley::config

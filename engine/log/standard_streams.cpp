#include "log/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace volley::log {

bool open_standard_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        // open() returns the lowest free number, which is this one.
        if (open("/dev/null", O_RDWR) != fd) return false;
    }
    return true;
}

bool finish_standard_output(const char* program) {
    errno = 0;
    const bool is_flushed = std::fflush(stdout) == 0;
    if (is_flushed && std::ferror(stdout) == 0) return true;
    const char* why = errno != 0 ? std::strerror(errno) : "an earlier write failed";
    std::fprintf(stderr, "%s: standard output cannot be written: %s. It is incomplete.\n", program, why);
    return false;
}

}  // namespace volley::log

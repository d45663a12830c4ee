#include "log/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace volley::log {

bool open_standard_streams() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is this one: those below are open.
        if (open("/dev/null", O_RDWR) != fd) return false;
    }
    return true;
}

}  // namespace volley::log

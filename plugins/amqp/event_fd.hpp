// An eventfd: one thread signals it, another polls it.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "volley/abi.hpp"

namespace volley::amqp {

class EventFd {
public:
    // Throws Error{retry} if the process is out of file descriptors.
    EventFd() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_ < 0) throw Error(ErrorCode::retry, "cannot create an eventfd: out of file descriptors");
    }
    ~EventFd() { ::close(fd_); }
    EventFd(const EventFd&) = delete;
    EventFd& operator=(const EventFd&) = delete;

    // Thread: any.
    void signal() const {
        const std::uint64_t one = 1;
        const auto ignored = write(fd_, &one, sizeof one);
        static_cast<void>(ignored);  // fails only if the counter is full, and then the fd is readable anyway
    }
    // Clears the signal. Returns whether it was signalled.
    bool clear() const {
        std::uint64_t count = 0;
        return read(fd_, &count, sizeof count) > 0;
    }
    int fd() const { return fd_; }

private:
    int fd_;
};

}  // namespace volley::amqp

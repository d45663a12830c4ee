// Replies on their way from other threads to the one that serves connections.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "operations/reply.hpp"

namespace volley::operations {

class Mailbox {
public:
    Mailbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~Mailbox() {
        if (event_ >= 0) ::close(event_);
    }
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    // Readable after wake() and put(). Negative, with errno, if there was no descriptor for it.
    int descriptor() const { return event_; }

    // Thread: any.
    void wake() const {
        if (event_ >= 0) eventfd_write(event_, 1);
    }
    // For the connection of that number. Thread: any.
    void put(std::uint64_t connection, Reply reply) {
        {
            const std::lock_guard lock(mutex_);
            replies_.emplace_back(connection, std::move(reply));
        }
        wake();
    }

    std::vector<std::pair<std::uint64_t, Reply>> take() {
        eventfd_t ignored = 0;
        eventfd_read(event_, &ignored);
        const std::lock_guard lock(mutex_);
        return std::exchange(replies_, {});
    }

private:
    int event_;
    std::mutex mutex_;
    std::vector<std::pair<std::uint64_t, Reply>> replies_;
};

}  // namespace volley::operations

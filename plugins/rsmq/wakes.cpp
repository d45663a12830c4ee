#include "wakes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

namespace volley::rsmq {

namespace {

struct Listener {
    std::string queue;
    int fd;
};

struct Registry {
    std::mutex mutex;
    std::vector<Listener> listeners;
};

// Never destroyed: instances may outlive static objects when the process ends.
Registry& registry() {
    static Registry& all = *new Registry;
    return all;
}

}  // namespace

void listen_for_sends(const std::string& queue, int fd) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    all.listeners.push_back({queue, fd});
}

void stop_listening(int fd) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    std::erase_if(all.listeners, [fd](const Listener& l) { return l.fd == fd; });
}

void tell_listeners(const std::string& queue) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    for (const Listener& listener : all.listeners) {
        if (listener.queue != queue) continue;
        const std::uint64_t one = 1;
        const auto ignored = write(listener.fd, &one, sizeof one);
        static_cast<void>(ignored);  // it is full of wakes already
    }
}

}  // namespace volley::rsmq

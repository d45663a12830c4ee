#include "handlers/wake_event.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "volley/error.hpp"

namespace volley::handlers {

WakeEvent::WakeEvent() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0)
        throw Error(ErrorCode::retry, std::string("no event can be created: ") + std::strerror(errno));
}

WakeEvent::~WakeEvent() { ::close(descriptor_); }

// Fails only when it is set as often as it can be.
void WakeEvent::set() const {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(descriptor_, &one, sizeof one));
}

void WakeEvent::clear() const {
    std::uint64_t count;
    static_cast<void>(!::read(descriptor_, &count, sizeof count));
}

}  // namespace volley::handlers

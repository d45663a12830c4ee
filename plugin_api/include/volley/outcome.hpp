// Exceptions with which a handler decides on its message; connectors may also throw the first two.
// Header-only, C++17.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace volley {
inline namespace v1 {

// Thrown by a handler or a connector: the call may succeed later. A handler's message is charged an attempt.
struct RetryLater : std::runtime_error {
    // after_ms: the minimum delay; 0: the component's backoff decides.
    explicit RetryLater(const std::string& why, std::uint64_t delay_ms = 0)
        : std::runtime_error(why), after_ms(delay_ms) {}
    std::uint64_t after_ms;
};
// The message can never succeed: it goes to the dead-letter queue, or on_fail applies.
struct Rejected : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// Handlers only. The message is unwanted: settled like a success without outputs, and counted as dropped.
struct Dropped : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace v1
}  // namespace volley

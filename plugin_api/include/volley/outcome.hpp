// What a handler throws to say what becomes of its message; connectors may throw the first two, too.
// Header-only, C++17.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace volley {
inline namespace v1 {

// Thrown by a handler or a connector: it may succeed later. A handler's message is charged an attempt.
struct RetryLater : std::runtime_error {
    // after_ms: not before; 0: the component's backoff decides.
    explicit RetryLater(const std::string& why, std::uint64_t delay_ms = 0)
        : std::runtime_error(why), after_ms(delay_ms) {}
    std::uint64_t after_ms;
};
// It can never succeed: to the dead-letter queue, or what on_fail says.
struct Rejected : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// Handlers only. It is not wanted: settled like a success without outputs, and counted as dropped.
struct Dropped : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace v1
}  // namespace volley

// When the next instance of a handler may be made after failures, and which failures are logged. Pure: time
// comes in. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "delivery/types.hpp"

namespace volley::runtime {

class InstanceBackoff {
public:
    // An instance could not be made, or failed before it had handled anything.
    void failed() { ++failures_; }
    void succeeded() { failures_ = 0; }
    // Starts the wait before the next instance. Returns whether there is one: after failures, ever longer.
    bool begin(delivery::Instant now) {
        constexpr delivery::Millis shortest{100};
        constexpr delivery::Millis longest{10'000};
        if (failures_ == 0) return false;
        not_before_ = now + std::min(shortest * (1 << std::min(failures_ - 1, 10U)), longest);
        return true;
    }
    bool is_over(delivery::Instant now) const { return now >= not_before_; }

    // Whether to log a failure: one with another cause than the last, and one per minute.
    bool is_news(const std::string& cause, delivery::Instant now) {
        constexpr delivery::Millis period{60'000};
        if (cause == logged_cause_ && now - logged_ < period) return false;
        logged_ = now;
        logged_cause_ = cause;
        return true;
    }

private:
    std::uint32_t failures_ = 0;  // in a row
    delivery::Instant not_before_{0};
    delivery::Instant logged_{0};
    std::string logged_cause_;
};

}  // namespace volley::runtime

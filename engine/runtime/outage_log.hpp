// Decides which failures of a repeated call are logged: the first, one with a different cause, and one per
// minute. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "delivery/types.hpp"

namespace volley::runtime {

class OutageLog {
public:
    // Counts a failure. Returns whether to log it.
    bool is_news(const std::string& cause, delivery::Instant now) {
        constexpr delivery::Millis period{60'000};
        constexpr delivery::Millis another_after{500};
        const bool first = failures_++ == 0;
        const bool another = cause != cause_ && now - logged_ >= another_after;
        if (!first && !another && now - logged_ < period) return false;
        logged_ = now;
        cause_ = cause;
        return true;
    }
    // Returns the number of consecutive failures.
    std::uint32_t failures() const { return failures_; }
    // Counts a success. Returns whether it ends an outage.
    bool succeeded() {
        const bool was_out = failures_ > 0;
        failures_ = 0;
        return was_out;
    }

private:
    std::uint32_t failures_ = 0;
    delivery::Instant logged_{0};
    std::string cause_;
};

}  // namespace volley::runtime

// How many messages may be fetched now, if an operator has set a limit. Pure. Thread: intake.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "delivery/types.hpp"

namespace volley::runtime {

class RateLimit {
public:
    // Messages a second; 0: no limit. A consumer is called at least once a second, so 1 is the least.
    void set(std::uint32_t per_second, delivery::Instant now) {
        if (per_second == per_second_) return;
        per_second_ = per_second;
        available_ = is_set() ? 1 : 0;
        filled_ = now;
    }
    bool is_set() const { return per_second_ > 0; }
    // What was not used is kept for a tenth of a second. Requires: is_set().
    std::uint32_t room(delivery::Instant now) {
        const double seconds = std::chrono::duration<double>(now - filled_).count();
        filled_ = now;
        available_ = std::min(available_ + seconds * per_second_, std::max(0.1 * per_second_, 1.0));
        return available_ < 1 ? 0 : static_cast<std::uint32_t>(available_);
    }
    void took(std::uint32_t messages) {
        if (is_set()) available_ -= messages;
    }
    // When there is room for a message; `never` without a limit.
    delivery::Instant next() const {
        if (!is_set()) return delivery::never;
        const double seconds = std::max(1 - available_, 0.0) / per_second_;
        return filled_ + delivery::Millis(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
    }

private:
    std::uint32_t per_second_ = 0;
    double available_ = 0;
    delivery::Instant filled_{0};
};

}  // namespace volley::runtime

// Retries: exponential backoff with full jitter, and the timers of waiting messages.
#pragma once

#include <cstdint>
#include <vector>

#include "delivery/types.hpp"

namespace volley::delivery {

// Delays with a uniform distribution from 1 ms to min(max, initial * 2^(tries-1)): "full jitter" spreads the
// retries of messages that failed together. A seed gives the same delays each time; 0: always the longest.
class Backoff {
public:
    Backoff(Millis initial, Millis max, std::uint64_t seed) : initial_(initial), max_(max), state_(seed) {}
    // Requires: tries >= 1.
    Millis delay(std::uint32_t tries);

private:
    Millis initial_;
    Millis max_;
    std::uint64_t state_;
};

// Timers of messages, earliest first. Timers cannot be cancelled: a timer whose generation is not that of its
// slot is ignored.
class Timers {
public:
    struct Timer {
        Instant due{0};
        Slot slot = no_slot;
        std::uint32_t generation = 0;
    };
    void add(Timer timer);
    // When the earliest timer is due. Returns `never` if there is none.
    Instant next() const { return heap_.empty() ? never : heap_.front().due; }
    // Removes and returns the earliest timer. Requires: next() != never.
    Timer pop();
    // Calls visit(timer) for each timer, in no order; for `most` of the earliest and others at most.
    template <typename Visit>
    void for_each(std::size_t most, Visit&& visit) const {
        for (std::size_t i = 0; i < heap_.size() && i < most; ++i) visit(heap_[i]);
    }

private:
    std::vector<Timer> heap_;
};

}  // namespace volley::delivery

// When again: exponential backoff with full jitter, and the timers of messages that wait.
#pragma once

#include <cstdint>
#include <vector>

#include "delivery/types.hpp"

namespace volley::delivery {

// Delays drawn evenly from 1 ms to min(max, initial * 2^(tries-1)): "full jitter" spreads the retries of many
// messages that failed together. Deterministic from its seed.
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

// Messages by the time at which they want attention, earliest first. A message that was closed meanwhile is
// told by its generation.
class Timers {
public:
    struct Timer {
        Instant due{0};
        Slot slot = no_slot;
        std::uint32_t generation = 0;
    };
    void add(Timer timer);
    // The earliest; never if there is none.
    Instant next() const { return heap_.empty() ? never : heap_.front().due; }
    // Requires: next() != never.
    Timer pop();

private:
    std::vector<Timer> heap_;
};

}  // namespace volley::delivery

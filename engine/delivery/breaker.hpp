// The circuit breaker: when everything fails, the fault is not the messages'. Then the input is held back and
// one message at a time is tried, ever less often, so that an outage of what the handler depends on does not
// send the whole queue to the dead letters.
//
// It opens when a message has used up its attempts, and the first attempts of several have failed with no
// success in between: later attempts do not count, because at the end of a queue only they are left. While it
// is open a message that fails its last attempt is given up only if it was the one that was tried: so a row
// of messages that each fail for their own fault still passes, slowly. The first success closes it.
//
// Not thread-safe; part of Delivery.
#pragma once

#include <algorithm>

#include "delivery/types.hpp"

namespace volley::delivery {

class Breaker {
public:
    // First attempts that have failed in a row.
    static constexpr std::uint32_t opens_after = 10;

    Breaker(bool on, Millis max_delay)
        : on_(on), shortest_(std::min(Millis(1000), max_delay)), longest_(max_delay) {}

    bool is_open() const { return open_; }
    // May one message be tried though it is open?
    bool may_probe(Instant now) const { return open_ && !probing_ && now >= due_; }
    // When a probe is due; never while closed, or while one is out.
    Instant due() const { return open_ && !probing_ ? due_ : never; }
    void probe() { probing_ = true; }

    void succeeded() {
        in_a_row_ = 0;
        open_ = false;
        probing_ = false;
    }
    void first_attempt_failed() { ++in_a_row_; }
    // An attempt failed, and the message has none left. Returns whether it may be given up.
    bool exhausted(bool probed, Instant now) {
        if (!on_) return true;
        if (open_) return probed;
        if (in_a_row_ >= opens_after) {
            open_ = true;
            interval_ = shortest_;
            due_ = now + interval_;
        }
        return true;
    }
    // The probe came back without a success: the next one waits longer. If it was not even tried, or failed
    // for its own fault, it does not.
    void probe_failed(bool tried, Instant now) {
        probing_ = false;
        if (tried) interval_ = std::min(interval_ * 2, longest_);
        due_ = tried ? now + interval_ : now;
    }

private:
    bool on_;
    bool open_ = false;
    bool probing_ = false;
    std::uint32_t in_a_row_ = 0;
    Millis shortest_;
    Millis longest_;
    Millis interval_{0};
    Instant due_{0};
};

}  // namespace volley::delivery

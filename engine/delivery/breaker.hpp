// The circuit breaker. When every message fails, the cause is an outage of something that the handler depends
// on, not the messages. The input is then held back, and one message at a time is tried, with growing delays
// in between. This message is the probe. Without the breaker, an outage would send the whole queue to the
// dead-letter queue.
//
// The breaker opens when a message has used up its attempts, and the first attempts of several messages have
// failed with no success in between. Later attempts do not count: at the end of a queue there are no others.
// While the breaker is open, only the probe can be given up. A series of messages that each fail for a reason
// of their own therefore passes, slowly. The first success closes the breaker.
//
// Not thread-safe. Part of Delivery.
#pragma once

#include <algorithm>

#include "delivery/types.hpp"

namespace volley::delivery {

class Breaker {
public:
    // The breaker opens after this many first attempts have failed in a row.
    static constexpr std::uint32_t opens_after = 10;

    Breaker(bool on, Millis max_delay)
        : on_(on), shortest_(std::min(Millis(1000), max_delay)), longest_(max_delay) {}

    bool is_open() const { return open_; }
    // Whether a probe may start now.
    bool may_probe(Instant now) const { return open_ && !probing_ && now >= due_; }
    // When the next probe is due. Returns `never` while the breaker is closed, or while a probe is running.
    Instant due() const { return open_ && !probing_ ? due_ : never; }
    void probe() { probing_ = true; }

    void succeeded() {
        in_a_row_ = 0;
        open_ = false;
        probing_ = false;
    }
    void first_attempt_failed() { ++in_a_row_; }
    // A message has failed its last attempt. Returns whether it may be given up. `probed`: it was the probe.
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
    // The probe did not succeed. If it was tried, the next one waits longer. If it was not tried, or failed
    // for good, the next one may start at once.
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

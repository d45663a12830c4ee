// Whether work that ought to move does, for the watchdog; and whether there is none, for --exit-when-idle.
// Thread: intake.
#pragma once

#include "delivery/types.hpp"
#include "runtime/input.hpp"

namespace volley::runtime {

class StallWatch {
public:
    // `stall_timeout`: as configured.
    explicit StallWatch(delivery::Millis stall_timeout) : stall_timeout_(stall_timeout) {}

    void start(delivery::Instant now) { last_progress_ = last_received_ = now; }
    // Something was handled, confirmed, settled or committed.
    void progress(delivery::Instant now) { last_progress_ = now; }
    void received(delivery::Instant now) { last_received_ = last_progress_ = now; }

    struct Facts {
        bool excused = false;  // an outage explains it, or a handler is within its time
        bool outage = false;
        bool active = false;   // something is in hand that must move by itself
        bool may_lag = false;  // a log that is open, not paused and idle here
    };
    // Since when something waits that ought to move; 0 ms: nothing does. Whether a log keeps messages from us
    // (librdkafka #4970: its coordinator is never found again) is asked of the store, so not often.
    delivery::Instant waiting_since(const Facts& facts, Input& input, delivery::Instant now);

private:
    delivery::Millis stall_timeout_;
    delivery::Instant last_progress_{0};
    delivery::Instant last_received_{0};
    delivery::Instant next_look_{0};
    bool lags_ = false;  // a log has messages for us, and none comes
};

class IdleWatch {
public:
    void start(delivery::Instant now) { nothing_since_ = now; }
    // Not idle now.
    void busy(delivery::Instant now) { nothing_since_ = now; }
    // The last consume brought nothing, and nothing is in flight. Returns whether the store has nothing for
    // us either; nothing: too early to ask again.
    std::optional<bool> look(Input& input, delivery::Instant now);

private:
    delivery::Instant nothing_since_{0};
    delivery::Instant next_look_{0};
};

}  // namespace volley::runtime

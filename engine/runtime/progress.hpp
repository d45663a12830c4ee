// Detects whether work is stalled, for the watchdog, and whether there is no work, for --exit-when-idle.
// Thread: intake.
#pragma once

#include "delivery/types.hpp"
#include "runtime/input.hpp"

namespace volley::runtime {

class StallWatch {
public:
    // `stall_timeout` is the configured value.
    explicit StallWatch(delivery::Millis stall_timeout) : stall_timeout_(stall_timeout) {}

    void start(delivery::Instant now) { last_progress_ = last_received_ = now; }
    // Something was handled, confirmed, settled or committed.
    void progress(delivery::Instant now) { last_progress_ = now; }
    // Nothing is fetched on purpose: that nothing arrives is no sign of a stall.
    void held(delivery::Instant now) { last_received_ = now; }
    void received(delivery::Instant now) { last_received_ = last_progress_ = now; }

    struct Facts {
        bool excused = false;  // an outage explains the wait, or a handler is within its time limit
        bool outage = false;
        bool active = false;   // there is work that must make progress without outside help
        bool may_lag = false;  // the input is a log that is open, not paused and idle here
    };
    // Returns since when work has waited for progress; 0 ms: no work waits. Whether a log withholds messages
    // (librdkafka #4970: it never finds its coordinator again) is a question to the store, so it is asked
    // rarely.
    delivery::Instant waiting_since(const Facts& facts, Input& input, delivery::Instant now);

private:
    delivery::Millis stall_timeout_;
    delivery::Instant last_progress_{0};
    delivery::Instant last_received_{0};
    delivery::Instant next_look_{0};
    bool lags_ = false;  // a log has messages for this consumer, but none arrives
};

class IdleWatch {
public:
    void start(delivery::Instant now) { nothing_since_ = now; }
    // The component is not idle now.
    void busy(delivery::Instant now) { nothing_since_ = now; }
    // Call it when the last consume returned no message and nothing is in flight. Returns whether the store
    // has no message for this consumer either; nothing: too early to ask again.
    std::optional<bool> look(Input& input, delivery::Instant now);

private:
    delivery::Instant nothing_since_{0};
    delivery::Instant next_look_{0};
};

}  // namespace volley::runtime

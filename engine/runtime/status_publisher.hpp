// Shows other threads the state of the component: its snapshot, its readiness and, for the watchdog, since
// when work has waited for progress. They read what is published, because the intake itself may hang. Thread:
// intake.
#pragma once

#include <string>

#include "runtime/backlog.hpp"
#include "runtime/feed.hpp"
#include "runtime/in_flight.hpp"
#include "runtime/intake_context.hpp"
#include "runtime/readiness.hpp"
#include "runtime/retrying.hpp"
#include "runtime/settling.hpp"

namespace volley::runtime {

class StatusPublisher {
public:
    StatusPublisher(IntakeContext& context, const Settling& settling, const Feed& feed)
        : context_(context), settling_(settling), feed_(feed) {}

    // Publishes all of it, and logs when the breaker opens or closes.
    void turn();
    // Publishes the snapshot.
    void publish() { publish(readiness()); }
    // Which queue cannot be opened now, and why; empty: none. The next publish() shows it.
    void set_opening(std::string text) { opening_ = std::move(text); }

private:
    void publish(const Readiness& readiness);
    Readiness readiness() const;
    void look_for_operators();
    void watch_progress(const Readiness& readiness);
    void log_breaker();

    IntakeContext& context_;
    const Settling& settling_;
    const Feed& feed_;
    Retrying retrying_;
    InFlight in_flight_;
    Backlog backlog_;
    CauseClock cause_clock_;
    std::string opening_;
    bool breaker_was_open_ = false;
};

// Returns the published snapshot with what does not change and what other threads count. Thread: any.
ComponentSnapshot snapshot_of(const IntakeContext& context);

// Returns what waits if, for stall_timeout, work has waited without progress and no outage explains it, or if
// the intake thread itself hangs. Empty: no stall. Thread: any.
std::string stalled(const IntakeContext& context);

}  // namespace volley::runtime

// Feeds the core: fetches messages while there is room for them, holds the input back while there is none,
// and waits if nothing can be done. Thread: intake.
#pragma once

#include <cstdint>

#include "runtime/flow_control.hpp"
#include "runtime/intake_context.hpp"
#include "runtime/progress.hpp"
#include "runtime/rate_limit.hpp"
#include "runtime/receiver.hpp"
#include "runtime/settling.hpp"

namespace volley::runtime {

class Feed {
public:
    Feed(IntakeContext& context, Settling& settling, bool orders_by_key);

    void start() { idle_watch_.start(context_.now); }
    // Pauses or resumes the input if that is due. An error ends the component.
    void hold_input();
    // Fetches, or waits until something completes or becomes due. The only wait while the intake runs. An
    // error ends the component.
    void wait();
    // A partition was assigned.
    void assigned() { flow_.assigned(); }
    // All of the input is paused.
    bool is_held() const { return flow_.is_paused(); }
    // An operator has limited the rate.
    bool is_limited() const { return rate_.is_set(); }

private:
    void fetch(std::uint32_t capacity, delivery::Millis wait);
    void note_idle(bool nothing_came);
    std::uint32_t room();
    bool is_only_waiting(std::uint64_t capacity) const;
    delivery::Millis until_next() const;

    IntakeContext& context_;
    Settling& settling_;
    Receiver receiver_;
    FlowControl flow_;
    RateLimit rate_;
    IdleWatch idle_watch_;
};

}  // namespace volley::runtime

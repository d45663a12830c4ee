// Frees the memory of outputs that will not be sent, and of a dead letter that was not accepted and is built
// anew. Thread: intake.
#pragma once

#include "delivery/delivery.hpp"
#include "runtime/message_context.hpp"

namespace volley::runtime {

inline void discard_if_given_up(const delivery::Delivery& core, MessageContexts& contexts,
                                delivery::Slot slot) {
    switch (core.entry(slot).state) {
        case delivery::State::backing_off:
        case delivery::State::dead_letter_wait:
        case delivery::State::dead_letter_queued:
        case delivery::State::settling:
            contexts[slot].discard_outputs();
            break;
        default:
            break;
    }
}

}  // namespace volley::runtime

// The state of one open message, as the core keeps it.
#pragma once

#include "delivery/slab.hpp"
#include "delivery/types.hpp"

namespace volley::delivery {

// free → waiting → running → sending → settling → free
//           ↑________│  ↘ backing_off ↗ (handle)
//                     sending ↔ resend_wait;  dead_letter_wait ↔ dead_lettering
// With transactions: running → uncommitted → committing → settled
enum class State : std::uint8_t {
    free,
    waiting,           // behind others of its chain, or ready
    running,           // a worker has it
    backing_off,       // failed; runs again when its time comes
    sending,           // handled; some outputs are not confirmed
    uncommitted,       // handled; waits for a transaction that stores its outputs and acks it
    committing,        // … which is being tried
    resend_wait,       // outputs failed; sent again when their time comes
    resend_queued,     // … which it has: a worker will take it
    dead_letter_wait,  // as resend_wait, for the dead letter
    dead_letter_queued,
    dead_lettering,  // handed to the dead-letter queue's producer
    settling,        // finished; the consumer has not confirmed the settlement
    settled,         // closed, and only its place in the window is left
};

// Small, because the cache lines of what is in flight are most of what the core costs.
struct Entry {
    std::uint64_t handle = 0;
    std::int64_t offset = -1;
    Millis nack_delay{0};
    Slot chain_next = no_slot;  // of a free slot: the next free one
    Slot chain_prev = no_slot;
    Slot window_next = no_slot;
    Lane lane = 0;
    Chain chain = no_chain;
    std::uint32_t bytes = 0;          // of the input
    std::uint32_t held = 0;           // of its outputs, or its dead letter
    std::uint32_t reported = 0;       // of the first 32 outputs: has its report come?
    std::uint32_t refused = 0;        // … and said that it is to be sent again?
    std::uint32_t attempt = 0;        // handler starts
    std::uint32_t send_tries = 0;     // for the backoff of outputs and dead letters
    std::int32_t outputs_left = 0;    // handed over, not confirmed; negative while reports overtake `handled`
    std::int32_t outputs_failed = 0;  // of those: failed, to be sent again
    std::uint32_t generation = 0;     // tells a timer that its message is gone
    std::uint16_t life = 0;           // how many messages this slot has had, this one included
    std::uint16_t reason = 0;         // a Reason
    State state = State::free;
    Outcome outcome = Outcome::ack;
    bool handled = false;      // the worker has returned it
    bool linked = false;       // in its chain's list
    bool holds_chain = false;  // counted in the chain's `busy`
    bool in_window = false;    // linked there: its offset is still needed, the slot may not be used again
    bool window_done = false;  // finished, and waits for those before it
    bool orphan = false;       // its lane is gone: whatever becomes of it, it is released
    bool lease_lost = false;   // orphan, because the store gave it to another
    bool dropped = false;      // the handler said drop
    bool permanent = false;    // an output can never be sent
    bool exhausted = false;    // its attempts are used up, and it is tried on
    bool probe = false;        // tried while the breaker is open
    bool last_try = false;     // tried once more though a stop or a revocation is on
    bool stored = false;       // an output of it is, or may be, stored
    bool grown = false;        // its decoded body is kept, too
    bool beyond = false;       // an output behind the first 32 was reported
    bool expecting = false;    // outputs of the average size are expected of it
};

static_assert(sizeof(Entry) <= 104);

using Entries = Slab<Entry>;

}  // namespace volley::delivery

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
    waiting,           // behind others of its ordering group, or ready to start
    running,           // a worker has it
    backing_off,       // failed; starts again when its backoff ends
    sending,           // handled; some outputs are not confirmed
    uncommitted,       // handled; waits for a transaction that stores its outputs and acks it
    committing,        // in a transaction that is not finished
    resend_wait,       // outputs failed; sent again when their backoff ends
    resend_queued,     // the backoff has ended; a worker will send the outputs
    dead_letter_wait,  // as resend_wait, for the dead letter
    dead_letter_queued,
    dead_lettering,  // handed to the dead-letter queue's producer
    settling,        // finished; the consumer has not confirmed the settlement
    settled,         // closed; the window still needs its offset
};

// Kept small: cache misses on entries are most of the cost of the core.
struct Entry {
    std::uint64_t handle = 0;
    std::int64_t offset = -1;
    Millis nack_delay{0};
    Slot group_next = no_slot;  // of a free slot: the next free one
    Slot group_prev = no_slot;
    Slot window_next = no_slot;
    Lane lane = 0;
    OrderingGroup group = no_group;
    std::uint32_t bytes = 0;          // of the input
    std::uint32_t held = 0;           // of its outputs, or its dead letter
    std::uint32_t reported = 0;       // one bit per output, up to 32: its report has come
    std::uint32_t refused = 0;        // likewise: the report says that it is to be sent again
    std::uint32_t attempt = 0;        // starts of the handler
    std::uint32_t send_tries = 0;     // for the backoff of outputs and dead letters
    std::int32_t outputs_left = 0;    // not confirmed; negative while reports come before handled()
    std::int32_t outputs_failed = 0;  // of those: failed, to be sent again
    std::uint32_t generation = 0;     // a timer of an older generation is ignored
    // Counts the messages of this slot, and each time that outputs or a dead letter go out again: reports of
    // an earlier life are ignored.
    std::uint16_t life = 0;
    std::uint16_t reason = 0;  // a Reason
    std::uint16_t worker = 0;  // the last one that started its handler; for operators
    State state = State::free;
    SettlementKind settlement = SettlementKind::ack;
    bool handled = false;      // the worker has returned it
    bool linked = false;       // in the list of its ordering group
    bool holds_group = false;  // counted in `busy` of its ordering group
    bool in_window = false;    // the window needs its offset: the slot must not be reused
    bool window_done = false;  // finished; waits for those before it in the window
    bool orphan = false;       // its lane is gone: it will be released, whatever its result
    bool lease_lost = false;   // orphan because another consumer has received it
    bool dropped = false;      // the handler dropped it
    bool permanent = false;    // an output can never be stored
    bool exhausted = false;    // its attempts are used up, and it is still retried
    bool probe = false;        // the one message that is tried while the breaker is open
    bool last_try = false;     // gets one more attempt during a stop or a revocation
    bool stored = false;       // an output of it is stored, or may be
    bool grown = false;        // its decoded body is in memory, too
    bool beyond = false;       // an output after the first 32 was reported
    bool expecting = false;    // outputs of the average size are expected of it
};

static_assert(sizeof(Entry) <= 104);

using Entries = Slab<Entry>;

}  // namespace volley::delivery

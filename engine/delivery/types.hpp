// Types that the parts of the core share. Nothing in this folder does I/O, reads a clock or uses threads. It
// includes nothing but the standard library.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace volley::delivery {

// A point in time of a monotonic clock, which the simulator replaces by virtual time.
using Instant = std::chrono::milliseconds;
using Millis = std::chrono::milliseconds;
inline constexpr Instant never = Instant::max();

// The number of an open message: its index in the core's slab. The runtime keeps body and outputs, which the
// core does not need, in a slab of its own under the same number.
using Slot = std::uint32_t;
// Of the first so many outputs of a message a report is told from another.
inline constexpr std::uint32_t reports_told = 32;
inline constexpr Slot no_slot = std::numeric_limits<Slot>::max();

// A partition of the input for the duration of one assignment. A store without partitions is one lane.
using Lane = std::uint32_t;

// The number of an ordering group: the messages of one partition, or of one key within it, which must not
// overtake each other.
using OrderingGroup = std::uint32_t;
inline constexpr OrderingGroup no_group = std::numeric_limits<OrderingGroup>::max();

enum class Order : std::uint8_t { partition, key, none };

// What happens to a message that has used up its attempts, or that failed for good.
enum class FailureAction : std::uint8_t {
    dead_letter,  // to the dead-letter queue, then acked
    requeue,      // nacked: the store delivers it again after max_delay
    drop,         // acked without outputs, and counted
    stop,         // the component stops, and the message is not acked
    keep_trying,  // retried in place every max_delay, without a limit
};

// What the handler decided on a message.
enum class Verdict : std::uint8_t {
    ok,           // its outputs, if any, were handed to the producers
    drop,         // not wanted: settled like a success, and counted separately
    retry,        // failed, may succeed later
    fail,         // failed for good
    not_started,  // returned before it started: no attempt is counted
};

// Why a producer did not confirm a record.
enum class SendFailure : std::uint8_t {
    transient,  // not stored: sent again without a limit, and no attempt is counted
    unknown,    // as transient, but it may be stored, so that sending it again can store it twice
    permanent,  // the store will never accept it
};

// A VOLLEY_REASON_… of plugin.h. The core only counts failures by reason.
using Reason = std::uint32_t;
inline constexpr std::size_t reason_count = 11;
// Returns 0, no reason, for an unknown one.
constexpr std::uint16_t known(Reason reason) {
    return static_cast<std::uint16_t>(reason < reason_count ? reason : 0);
}

// What the core needs of a received message.
struct Incoming {
    std::uint64_t handle = 0;  // by which the consumer identifies the delivery
    Lane lane = 0;
    std::int64_t offset = -1;  // logs only
    std::uint64_t key_hash = 0;
    bool has_key = false;
    std::uint32_t bytes = 0;   // counted against max_in_flight_bytes
    bool redelivered = false;  // according to the store
};

// What a worker does with a message.
enum class Step : std::uint8_t {
    handle,       // decode, call the handler, encode, produce
    send_again,   // produce only the outputs that failed
    dead_letter,  // produce it to the dead-letter queue
};

// A message with the step that a worker does next.
struct WorkItem {
    Slot slot = no_slot;
    Step step = Step::handle;
    // After a failure a worker returns the remaining messages of the same turn of the ordering group as
    // not_started. This includes those of batches that it received meanwhile.
    OrderingGroup group = no_group;
    std::uint32_t attempt = 0;  // step handle: 1 is the first
    std::uint32_t turn = 0;     // step handle: of the ordering group; unique among all groups
};

// How a delivery is settled.
enum class SettlementKind : std::uint8_t { ack, nack, release };  // VOLLEY_ACK, VOLLEY_NACK, VOLLEY_RELEASE

struct Settlement {
    Slot slot = no_slot;
    std::uint64_t handle = 0;
    SettlementKind kind = SettlementKind::ack;
    Millis delay{0};
    Reason reason = 0;
    std::uint32_t attempts = 0;
    bool large = false;  // its slot holds more memory than it may keep for the next message
};

// The offset to commit for a lane: that of the next message to read.
struct Commit {
    Lane lane = 0;
    std::int64_t offset = 0;
};

// Inputs: received = done + dead + dropped + requeued + released + in_flight.
struct Counters {
    std::uint64_t received = 0;
    std::uint64_t done = 0;
    std::uint64_t dead = 0;
    std::uint64_t dropped = 0;
    std::uint64_t requeued = 0;
    std::uint64_t released = 0;  // the store delivers them again: the sum of the next three
    std::uint64_t released_by_stop = 0;
    std::uint64_t released_by_revocation = 0;
    std::uint64_t released_by_lease = 0;    // lost while in flight
    std::uint64_t lost = 0;                 // settled too late: another consumer has received them
    std::uint64_t redelivered = 0;          // received, and the store had delivered them before
    std::uint64_t possible_duplicates = 0;  // outputs, or messages with outputs, that can be stored twice
    std::uint64_t in_flight = 0;
    // Of inputs, until the slot is free. A client of a log keeps the records of a fetch in one buffer, and
    // one unfinished message keeps all of it in memory.
    std::uint64_t in_flight_bytes = 0;
    std::uint64_t held_bytes = 0;  // of outputs and dead letters, until they are stored or given up
    std::uint64_t retries = 0;
    std::uint64_t failures[reason_count] = {};
};

struct Options {
    bool log = false;  // progress is one committed offset per lane; otherwise each message is settled
    Order order = Order::partition;
    // An ordering group continues when the outputs of its message are accepted, not only when they are
    // confirmed. For producers that keep the order when they retry.
    bool pipelined = false;
    std::uint32_t max_attempts = 5;
    Millis initial_delay{100};
    Millis max_delay{30'000};
    FailureAction on_exhausted = FailureAction::keep_trying;  // the attempts are used up
    FailureAction on_permanent = FailureAction::stop;         // the message failed for good
    std::uint32_t max_in_flight = 100'000;
    std::uint64_t max_in_flight_bytes = 64ULL << 20;  // in_flight_bytes + held_bytes
    // The size of a dead letter: `letter_bytes`, and `letter_copies` times the bytes of its message.
    std::uint32_t letter_bytes = 4096;
    std::uint32_t letter_copies = 0;
    std::uint64_t seed = 1;  // for the jitter
};

}  // namespace volley::delivery

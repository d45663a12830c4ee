// The words that the core's parts share. Nothing here, and nothing in this folder, does I/O, reads a clock or
// knows threads; nothing but the standard library is included.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace volley::delivery {

// Time since the run began: monotonic in the engine, virtual in the simulator.
using Instant = std::chrono::milliseconds;
using Millis = std::chrono::milliseconds;
inline constexpr Instant never = Instant::max();

// An open message by its place in the slab. The runtime keeps what the core must not know (body, outputs) in
// a slab of its own under the same number.
using Slot = std::uint32_t;
// Of the first so many outputs of a message a report is told from another.
inline constexpr std::uint32_t reports_told = 32;
inline constexpr Slot no_slot = std::numeric_limits<Slot>::max();

// A partition of the input while it is assigned to us; a store without partitions is one lane.
using Lane = std::uint32_t;

// The messages that must not overtake each other: those of one partition, or of one key within it.
using Chain = std::uint32_t;
inline constexpr Chain no_chain = std::numeric_limits<Chain>::max();

enum class Order : std::uint8_t { partition, key, none };

// What happens to a message whose attempts are used up, or that failed for good.
enum class Last : std::uint8_t {
    dead_letter,  // to the dead-letter queue, then acked
    requeue,      // nacked: the store's own on_fail, visible again after max_delay
    drop,         // acked without outputs, and counted
    stop,         // the component ends, the message unacked
    keep_trying,  // in place, every max_delay, for ever
};

enum class Verdict : std::uint8_t {
    ok,           // outputs, if any, were handed to the producers
    drop,         // not wanted: settled like a success, counted apart
    retry,        // failed, may succeed later
    fail,         // failed for good
    not_started,  // given back untouched: counts no attempt
};

enum class SendFailure : std::uint8_t {
    transient,  // not stored; try again, for ever; no attempt is counted
    unknown,    // as transient, but it may have been stored: the next try may duplicate it
    permanent,  // the store will never take it
};

// VOLLEY_REASON_… of plugin.h, as a number: the core only counts by it.
using Reason = std::uint32_t;
inline constexpr std::size_t reason_count = 11;
// One that we do not know counts as none.
constexpr std::uint16_t known(Reason reason) {
    return static_cast<std::uint16_t>(reason < reason_count ? reason : 0);
}

// What the core must know of an incoming message.
struct Incoming {
    std::uint64_t handle = 0;  // the consumer's name for the delivery
    Lane lane = 0;
    std::int64_t offset = -1;  // logs: its place in the partition
    std::uint64_t key_hash = 0;
    bool has_key = false;
    std::uint32_t bytes = 0;   // counted against max_in_flight_bytes
    bool redelivered = false;  // the store says that it was handed out before
};

// What a worker is to do with a message.
enum class Step : std::uint8_t {
    handle,       // decode … produce
    send_again,   // only the outputs that failed
    dead_letter,  // produce it to the dead-letter queue
};

struct Run {
    Slot slot = no_slot;
    Step step = Step::handle;
    // After a failure in a turn of its chain, a worker gives the rest of that turn back not_started, also of
    // the batches that it has been given meanwhile.
    Chain chain = no_chain;
    std::uint32_t attempt = 0;  // step handle: 1 is the first
    std::uint32_t turn = 0;     // step handle: of the chain; no two chains have the same
};

enum class Outcome : std::uint8_t { ack, nack, release };  // VOLLEY_ACK, VOLLEY_NACK, VOLLEY_RELEASE

struct Settlement {
    Slot slot = no_slot;
    std::uint64_t handle = 0;
    Outcome outcome = Outcome::ack;
    Millis delay{0};
    Reason reason = 0;
    std::uint32_t attempts = 0;
    bool large = false;  // more was kept of it than its slot keeps for good
};

// Commit `offset`, the next one to read, for a lane.
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
    std::uint64_t released_by_lease = 0;    // in a transaction that came too late
    std::uint64_t lost = 0;                 // settled too late: the store had given them to another
    std::uint64_t redelivered = 0;          // received, and the store had handed them out before
    std::uint64_t possible_duplicates = 0;  // outputs, or messages with outputs, that may be stored twice
    std::uint64_t in_flight = 0;
    // Of inputs, until the slot is free: a log's client keeps what it fetched together in one buffer, which
    // one unfinished message pins.
    std::uint64_t in_flight_bytes = 0;
    std::uint64_t held_bytes = 0;  // of outputs and dead letters, until they are stored or given up
    std::uint64_t retries = 0;
    std::uint64_t failures[reason_count] = {};
};

struct Options {
    bool log = false;  // progress is one offset a lane; else each message is settled by itself
    Order order = Order::partition;
    // A chain goes on when the outputs were accepted, not only when confirmed: for producers that keep order
    // through their own retries.
    bool pipelined = false;
    std::uint32_t max_attempts = 5;
    Millis initial_delay{100};
    Millis max_delay{30'000};
    Last on_exhausted = Last::keep_trying;  // attempts used up
    Last on_permanent = Last::stop;         // failed for good
    std::uint32_t max_in_flight = 100'000;
    std::uint64_t max_in_flight_bytes = 64ULL << 20;  // in_flight_bytes + held_bytes
    // What the dead letter of a message takes: so much, and so many times the message's bytes.
    std::uint32_t letter_bytes = 4096;
    std::uint32_t letter_copies = 0;
    std::uint64_t seed = 1;  // of the jitter
};

}  // namespace volley::delivery

// A core for tests, with one lane, number 0, and a clock that only the test advances. Slots identify
// messages.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <vector>

#include "delivery/delivery.hpp"

namespace volley::delivery {

using Slots = std::vector<Slot>;

// Slots by the way in which they are settled, in the order of the settlements.
struct Settled {
    Slots acked = {};
    Slots nacked = {};
    Slots released = {};
    bool operator==(const Settled&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Settled& settled);

// Makes messages of a lane: with a key, with an offset of a log, or both.
inline Incoming of_key(std::uint64_t key, std::int64_t offset = -1) {
    return {.offset = offset, .key_hash = key, .has_key = true};
}
inline Incoming at(std::int64_t offset, Lane lane = 0) { return {.lane = lane, .offset = offset}; }
inline Incoming of_size(std::uint32_t bytes) { return {.bytes = bytes}; }

struct Core {
    explicit Core(const Options& options);

    // ---- intake: gives each message a handle of its own, unless it has one
    Slot receive(Incoming incoming = {});

    // ---- workers
    // Takes all items for `worker`, up to `room`.
    std::vector<WorkItem> items(std::uint32_t worker = 0, std::uint32_t room = 100);
    // The same. Requires: all are handlers to start, or all are `step`.
    Slots start(std::uint32_t worker = 0, std::uint32_t room = 100);
    Slots take(Step step);
    // A worker returns a message.
    void ok(Slot slot, std::uint32_t outputs = 0, std::uint64_t held = 0);
    void retry(Slot slot, Millis retry_after = Millis(0));
    void fail(Slot slot);
    void give_back(Slot slot);

    // ---- producers: a report of one output
    bool confirm(Slot slot, std::uint32_t output = 0);
    bool refuse(Slot slot, std::uint32_t output = 0, SendFailure failure = SendFailure::transient);

    // ---- settling and committing
    Settled settle();
    // Returns the last committed offset of the lane, including offsets that may be committed now; -1: none.
    std::int64_t committed(Lane lane = 0);

    // ---- time
    void advance(Millis time);
    // Advances to the next timer.
    void advance_to_due();

    Delivery delivery;
    Instant now{0};
    std::uint64_t handles = 0;
    std::map<Lane, std::int64_t> commits = {};
};

// received = done + dead + dropped + requeued + released + in_flight
bool is_balanced(const Counters& counters);

}  // namespace volley::delivery

// The words of these tests: a core with one lane, number 0, and a clock that moves only when a test moves it.
// A message is named by its slot.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <vector>

#include "delivery/delivery.hpp"

namespace volley::delivery {

using Slots = std::vector<Slot>;

// Messages by the outcome with which they are settled, in the order in which the settlements came.
struct Settled {
    Slots acked = {};
    Slots nacked = {};
    Slots released = {};
    bool operator==(const Settled&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Settled& settled);

// Messages of a lane: one of a key, one at an offset of a log, or both.
inline Incoming of_key(std::uint64_t key, std::int64_t offset = -1) {
    return {.offset = offset, .key_hash = key, .has_key = true};
}
inline Incoming at(std::int64_t offset, Lane lane = 0) { return {.lane = lane, .offset = offset}; }
inline Incoming of_size(std::uint32_t bytes) { return {.bytes = bytes}; }

struct Core {
    explicit Core(const Options& options);

    // ---- intake: each message is given a handle of its own, unless it has one
    Slot receive(Incoming incoming = {});

    // ---- workers
    // Everything that `worker` is given to do now, up to `room`.
    std::vector<Run> runs(std::uint32_t worker = 0, std::uint32_t room = 100);
    // The same, of which all must be handlers to start, or all must be `step`.
    Slots start(std::uint32_t worker = 0, std::uint32_t room = 100);
    Slots take(Step step);
    // A handler returns.
    void ok(Slot slot, std::uint32_t outputs = 0, std::uint64_t held = 0);
    void retry(Slot slot, Millis retry_after = Millis(0));
    void fail(Slot slot);
    void give_back(Slot slot);

    // ---- producers: a report of one output
    bool confirm(Slot slot, std::uint32_t output = 0);
    bool refuse(Slot slot, std::uint32_t output = 0, SendFailure failure = SendFailure::transient);

    // ---- the consumer closes what is to be settled
    Settled settle();
    // The offset committed last for the lane, with what may be committed now; -1: none.
    std::int64_t committed(Lane lane = 0);

    // ---- time
    void advance(Millis time);
    // To the moment at which the next thing is due.
    void advance_to_due();

    Delivery delivery;
    Instant now{0};
    std::uint64_t handles = 0;
    std::map<Lane, std::int64_t> commits = {};
};

// received = done + dead + dropped + requeued + released + in_flight
bool is_balanced(const Counters& counters);

}  // namespace volley::delivery

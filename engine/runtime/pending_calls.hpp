// Which messages a handler has, in the order in which they were given to it, and which of them are out of
// time. Knows neither jobs nor results. Pure: time comes in. Owned by the worker's thread; any other may read
// since_ms().
//
// Invariants: a place is pending from begin() to end(). Those that are overdue are pending. The oldest that
// is not overdue determines the next deadline.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/schedule.hpp"

namespace volley::runtime {

// The name of a message that is pending: a small number, free again once the message has ended.
using Place = std::uint32_t;

struct PendingCall {
    Nanoseconds begin{0};
    std::uint64_t number = 0;   // in the order of their start
    std::uint64_t start = 0;    // number of the call of begin()
    std::uint32_t company = 1;  // messages of its batch, if the component has batches
    bool is_pending = false;
    bool is_overdue = false;
};

class PendingCalls {
public:
    // Messages are given to the handler together. `company`: how many of them are one batch.
    void begin(const Place* places, std::size_t count, std::uint32_t company, Nanoseconds now);
    // A message has ended. Requires: it is pending.
    void end(Place place);
    // All that are pending have ended; returns their places in the order of their start.
    std::vector<Place> end_all();

    const PendingCall& operator[](Place place) const { return calls_[place]; }
    std::uint32_t count() const { return count_; }
    std::uint32_t overdue() const { return overdue_; }
    // When the oldest one began that is not known to be overdue, in ms; 0: there is none. Thread: any.
    std::int64_t since_ms() const { return since_ms_.load(std::memory_order_relaxed); }

    // Marks those that began `allowed` ago or earlier as overdue. 0: a message may take any time.
    void find_overdue(Nanoseconds allowed, Nanoseconds now);
    // When find_overdue() may find one; the maximum if never.
    Nanoseconds next_deadline(Nanoseconds allowed) const;

private:
    struct Started {
        Place place;
        std::uint64_t number;
    };

    bool is_over(const Started& started) const;
    void forget_ended();
    void note_oldest();

    std::vector<PendingCall> calls_;  // by place
    std::deque<Started> order_;       // of their start; some have ended
    std::uint64_t last_number_ = 0;
    std::uint64_t starts_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t overdue_ = 0;
    std::atomic<std::int64_t> since_ms_{0};
};

}  // namespace volley::runtime

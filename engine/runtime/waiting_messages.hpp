// Messages of a worker that wait for the handler, in the order in which they came. A pass looks at them from
// the oldest on, and takes those that may start. Pure. Owned by the worker's thread.
//
// Invariant: in a pass no message overtakes one of its group that stays.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

struct WaitingMessage {
    delivery::WorkItem item;
    std::uint32_t bytes = 0;  // of its body; with `since` only for components that have batches
    Nanoseconds since{0};
};

class WaitingMessages {
public:
    void add(const WaitingMessage& message) {
        messages_.push_back(message);
        bytes_ += message.bytes;
    }
    std::size_t size() const { return messages_.size(); }
    std::uint64_t bytes() const { return bytes_; }
    // Since when the oldest one waits; 0: there is none.
    Nanoseconds oldest() const { return messages_.empty() ? Nanoseconds(0) : messages_.front().since; }

    // ---- one pass

    void begin_pass() {
        kept_ = 0;
        blocked_.clear();
    }
    // The next message that the pass looks at; null: none, or too many before it stay. Valid until take().
    const WaitingMessage* next() const {
        constexpr std::size_t looked_at = 256;
        return kept_ < messages_.size() && kept_ < looked_at ? &messages_[kept_] : nullptr;
    }
    // Whether one before next() in its group stays.
    bool is_blocked() const {
        return std::find(blocked_.begin(), blocked_.end(), messages_[kept_].item.group) != blocked_.end();
    }
    // The next message leaves.
    void take() {
        bytes_ -= messages_[kept_].bytes;
        messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(kept_));
    }
    // The next message stays, and the pass goes on behind it.
    void keep() { blocked_.push_back(messages_[kept_++].item.group); }

private:
    std::deque<WaitingMessage> messages_;
    std::uint64_t bytes_ = 0;
    std::size_t kept_ = 0;                          // in this pass
    std::vector<delivery::OrderingGroup> blocked_;  // their groups
};

}  // namespace volley::runtime

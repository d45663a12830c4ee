// Messages that run alone, one after the other, because an instance of the handler or the process may have
// gone down with one of them. Decides when that counts as an attempt. Pure. Owned by the worker's thread.
//
// Invariant: at most the first one runs. It stays the first until it is over.
#pragma once

#include <deque>

#include "runtime/pending_calls.hpp"

namespace volley::runtime {

struct AloneMessage {
    Place place;
    bool is_suspect = false;  // of the crash journal
    bool has_failed = false;  // an instance failed with it alone
};

class AloneQueue {
public:
    void add(Place place, bool is_suspect) { messages_.push_back({place, is_suspect}); }
    bool empty() const { return messages_.empty(); }
    // Requires: !empty().
    const AloneMessage& first() const { return messages_.front(); }

    void start() { is_running_ = true; }
    bool is_running() const { return is_running_; }
    bool is_running(Place place) const { return is_running_ && messages_.front().place == place; }

    // The instance failed with the first one running. Returns whether that costs it an attempt: `did_nothing`
    // says that the instance had done nothing else before, and otherwise it is the second time. If not, it is
    // to be started again.
    bool instance_failed(bool did_nothing) {
        AloneMessage& message = messages_.front();
        if (message.has_failed || did_nothing) return true;
        message.has_failed = true;
        is_running_ = false;
        return false;
    }
    // The first one is over.
    void remove() {
        messages_.pop_front();
        is_running_ = false;
    }

private:
    std::deque<AloneMessage> messages_;
    bool is_running_ = false;
};

}  // namespace volley::runtime

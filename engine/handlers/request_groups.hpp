// The ordering groups of the messages that a child is to handle. Pure: no messages, no I/O.
//
// Invariant: a group exists while it has an open message. When it comes back it has another chain, so that a
// child does not take it for the one that failed.
#pragma once

#include <cstdint>
#include <unordered_map>

namespace volley::handlers {

struct RequestGroup {
    std::uint64_t chain = 0;      // its name for the child
    std::uint32_t open = 0;       // messages that are not finished
    std::uint32_t skipped = 0;    // … of which so many the child has skipped
    bool has_failed = false;      // a message of it did not succeed
    bool is_lone = false;         // one was sent without its chain, and nothing more is until it is answered
    std::uint64_t looked_at = 0;  // by AtWork::note()
};

class RequestGroups {
public:
    // A message of the group comes.
    void add(std::uint32_t number) {
        RequestGroup& group = groups_[number];
        if (group.open++ == 0) group.chain = ++chains_;
    }
    // Requires: a message of the group is open.
    RequestGroup& operator[](std::uint32_t number) { return groups_.find(number)->second; }
    // A message of the group is finished. Returns whether the child has skipped others of it.
    bool finish(std::uint32_t number, bool was_skipped, bool has_failed) {
        RequestGroup& group = (*this)[number];
        group.is_lone = false;
        if (was_skipped) --group.skipped;
        if (has_failed && !group.has_failed) {
            group.has_failed = true;
            ++failed_;
        }
        if (--group.open > 0) return group.skipped > 0;
        groups_.erase(number);
        return false;
    }
    // A new child knows nothing of what the one before was sent and has skipped.
    void begin_child() {
        for (auto& [number, group] : groups_) {
            group.is_lone = false;
            group.skipped = 0;
        }
    }
    // How many groups have failed since the call began.
    std::uint64_t failed_in_call() const { return failed_; }
    void begin_call() { failed_ = 0; }

private:
    std::unordered_map<std::uint32_t, RequestGroup> groups_;
    std::uint64_t chains_ = 0;
    std::uint64_t failed_ = 0;
};

}  // namespace volley::handlers

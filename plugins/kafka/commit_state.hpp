// Which offset of a partition to commit, and when a commit may be sent. No I/O.
#pragma once

#include <algorithm>
#include <cstdint>

namespace volley::kafka {

// The commits of one partition in one assignment. Offsets: -1 means none.
struct CommitState {
    std::int64_t requested = -1;
    std::int64_t stored = -1;    // by the last commit that succeeded
    bool is_refused = false;     // by the last commit: the broker does not know the partition
    bool topic_is_gone = false;  // the offset cannot be committed, and need not be

    // Never goes backwards.
    void request(std::int64_t offset) { requested = std::max(requested, offset); }
    bool is_due() const { return requested > stored; }
    // True if a caller that waits for commits does not have to wait for this partition.
    bool is_done() const { return !is_due() || topic_is_gone; }

    void succeed(std::int64_t offset) {
        is_refused = topic_is_gone = false;
        stored = std::max(stored, offset);
    }
    // `is_unknown_partition`: the broker does not know the partition.
    void fail(bool is_unknown_partition) {
        is_refused = is_unknown_partition;
        topic_is_gone = topic_is_gone && is_refused;
    }
};

// One commit is in flight at a time. After a failure the next one waits. Times: monotonic, ms.
class CommitSchedule {
public:
    static constexpr std::int64_t retry_ms = 500;

    bool is_in_flight() const { return is_in_flight_; }
    bool may_send(std::int64_t now_ms) const { return !is_in_flight_ && now_ms >= next_ms_; }
    void sent() { is_in_flight_ = true; }
    // The commit that was in flight has an outcome, good or bad.
    void ended() { is_in_flight_ = false; }
    void failed(std::int64_t now_ms) { next_ms_ = now_ms + retry_ms; }

private:
    bool is_in_flight_ = false;
    std::int64_t next_ms_ = 0;
};

}  // namespace volley::kafka

// The partitions that are assigned to this consumer, with their epochs and offsets. No I/O.
//
// Volley numbers the epochs itself, because librdkafka accepts a commit for an earlier assignment of a
// partition that was assigned again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commit_state.hpp"
#include "log_mark.hpp"
#include "volley/plugin.h"

namespace volley::kafka {

// The state of a partition that outlives an assignment.
struct PartitionHistory {
    std::uint32_t epoch = 0;
    std::int64_t committed = -1;  // at the end of the last assignment
    LogMark mark;
};

// How far a partition was read in one assignment.
struct ReadState {
    std::int64_t position = -1;      // the next offset to deliver; -1: unknown, nothing was committed
    std::int64_t last_read = -1;     // the last offset received, or the one before the start
    std::int64_t newest_ms = -1;     // the latest timestamp of a message
    std::int64_t delivered_to = -1;  // the offset after the last message that was delivered to the engine

    // Everything before `offset` was read, or is not in the log.
    void move_to(std::int64_t offset) {
        position = offset;
        last_read = offset - 1;
    }
};

struct OwnedPartition {
    const std::string* topic = nullptr;  // interned: the sources of messages point to it
    std::int32_t partition = 0;
    std::uint32_t epoch = 0;
    PartitionHistory* history = nullptr;
    std::int64_t assigned_at = -1;  // the committed offset at the assignment; -1: none, or unknown
    ReadState read;
    CommitState commit;
    // Of the log, as of the last statistics or query; -1: unknown.
    std::int64_t begins_at = -1;
    std::int64_t ends_at = -1;
    bool is_paused = false;
    bool is_restarting = false;  // messages are from the replaced log, and are dropped; see LogRestarts

    bool is(std::string_view name, std::int32_t number) const {
        return partition == number && *topic == name;
    }
    // The offset that a restart continues at; -1: none.
    std::int64_t committed() const { return std::max(commit.stored, assigned_at); }
    // Messages from there to the end; -1: unknown.
    std::int64_t lag() const {
        if (ends_at < 0) return -1;
        return std::max<std::int64_t>(0, ends_at - std::max<std::int64_t>({committed(), begins_at, 0}));
    }
    // The group had an offset at the end of the last assignment, and has none now. Requires: that was
    // queried.
    bool has_lost_offset() const { return assigned_at < 0 && history->committed >= 0; }
    // The engine does not see the offsets between its last message and the position. They are committed now
    // if everything before them is, otherwise with the engine's next commit.
    void commit_to_position() {
        if (read.position > 0 && commit.requested >= read.delivered_to) commit.request(read.position);
    }
    // The ABI's form of it.
    volley_partition view(std::int64_t offset) const;
};

class OwnedPartitions {
public:
    // Adds a partition in a new epoch, or replaces it. `committed`: the group's offset, where reading starts;
    // -1: none, or unknown. Invalidates pointers to partitions.
    OwnedPartition& assign(std::string_view topic, std::int32_t partition, std::int64_t committed);
    // Removes a partition, and remembers its committed offset. Invalidates pointers to partitions.
    void revoke(std::string_view topic, std::int32_t partition);
    // Begins a new epoch of a partition whose log was replaced. Nothing is known of the new log.
    static void restart(OwnedPartition& owned);

    // Returns null if the partition is not assigned. The partition of the last call is found without a
    // search.
    OwnedPartition* find(std::string_view topic, std::int32_t partition) {
        if (last_found_ < owned_.size() && owned_[last_found_].is(topic, partition))
            return &owned_[last_found_];
        return search(topic, partition);
    }
    // Returns false, and does nothing, if the partition's epoch is over.
    bool request_commit(const volley_partition& view);

    bool is_empty() const { return owned_.empty(); }
    std::size_t size() const { return owned_.size(); }
    auto begin() { return owned_.begin(); }
    auto end() { return owned_.end(); }
    auto begin() const { return owned_.begin(); }
    auto end() const { return owned_.end(); }

private:
    OwnedPartition* search(std::string_view topic, std::int32_t partition);
    void erase(std::string_view topic, std::int32_t partition);

    std::set<std::string> topics_;
    std::map<std::pair<std::string, std::int32_t>, PartitionHistory> history_;
    std::vector<OwnedPartition> owned_;
    std::size_t last_found_ = 0;
};

}  // namespace volley::kafka

// Restarts partitions whose log was replaced.
#pragma once

#include <cstdint>

#include "consumer_instance.hpp"
#include "consumer_status.hpp"
#include "offset_commits.hpp"
#include "offset_queries.hpp"
#include "owned_partitions.hpp"
#include "partition_events.hpp"

namespace volley::kafka {

// Delivers nothing of such a partition until the start of its log is found; with auto.offset.reset: error,
// nothing at all. Thread: one at a time.
class LogRestarts {
public:
    LogRestarts(ConsumerInstance& instance, OwnedPartitions& partitions, const PartitionEvents& events,
                ConsumerStatus& status, OffsetCommits& commits, OffsetQueries& queries)
        : instance_(instance),
          partitions_(partitions),
          events_(events),
          status_(status),
          commits_(commits),
          queries_(queries) {}

    // Reports that a partition is not the log that was read up to `read_to`. From now on its messages are
    // dropped.
    void report(OwnedPartition& owned, std::int64_t read_to);
    // The same for a partition that the engine has. For the engine the partition is lost, then assigned again
    // in a new epoch, at its start, because the messages of the new log are different ones.
    void restart(OwnedPartition& owned);
    // Seeks the starts of the reported logs, if that is due. Returns true once it has found all of them.
    // `now_ms`: monotonic.
    bool seek_if_due(std::int64_t now_ms);

private:
    bool seek();

    ConsumerInstance& instance_;
    OwnedPartitions& partitions_;
    const PartitionEvents& events_;
    ConsumerStatus& status_;
    OffsetCommits& commits_;
    OffsetQueries& queries_;
    bool is_pending_ = false;  // some partition is restarting
    std::int64_t next_ms_ = 0;
};

}  // namespace volley::kafka

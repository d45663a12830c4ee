// Begins anew with partitions whose log was replaced.
#pragma once

#include <cstdint>

#include "consumer_instance.hpp"
#include "consumer_status.hpp"
#include "offset_commits.hpp"
#include "offset_queries.hpp"
#include "owned_partitions.hpp"
#include "partition_events.hpp"

namespace volley::kafka {

// Nothing of such a partition is delivered until the start of its log was found; with auto.offset.reset:
// error, nothing at all. Thread: one at a time.
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
    // The same for a partition that the engine has: for the engine it is lost, and assigned again in a new
    // epoch, at its start. The new log's messages are not those that were read.
    void restart(OwnedPartition& owned);
    // Seeks the starts of the logs that were reported, if that is due. Returns true once it has found all of
    // them. `now_ms`: monotonic.
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

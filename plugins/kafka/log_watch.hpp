// Detects logs that were replaced, and messages that were deleted unread.
//
// In a replaced log the same offsets are different messages; see LogMark. librdkafka 2.0.2 does not detect
// this (leader epochs and topic IDs came later), and continues at its position if the new log is long enough.
//
// The queries block the thread that polls, usually for two round trips every five seconds; see OffsetQueries.
// librdkafka has an asynchronous query only since 2.3 (rd_kafka_ListOffsets).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "consumer_instance.hpp"
#include "consumer_status.hpp"
#include "log_mark.hpp"
#include "log_restarts.hpp"
#include "offset_queries.hpp"
#include "owned_partitions.hpp"
#include "topic_watch.hpp"

namespace volley::kafka {

// Thread: one at a time. Times: monotonic, ms.
class LogWatch {
public:
    LogWatch(ConsumerInstance& instance, OwnedPartitions& partitions, const PartitionEvents& events,
             ConsumerStatus& status, OffsetCommits& commits, TopicWatch& topics)
        : instance_(instance),
          partitions_(partitions),
          status_(status),
          topics_(topics),
          queries_(instance),
          restarts_(instance, partitions, events, status, commits, queries_) {}

    // Compares the marks of all partitions with their logs, and moves the marks, if that is due. Call it once
    // per poll.
    void check(std::int64_t now_ms);
    // Partitions were assigned. The next check() is due.
    void note_assignment() { schedule_.make_due(); }
    // The group had an offset at the end of the last assignment, but has none now, so the log was replaced.
    // The engine does not have the partition yet.
    void note_lost_offset(OwnedPartition& owned) { restarts_.report(owned, owned.history->committed); }
    // The result of a check of the topics.
    void note_topics(TopicWatch::Found found);
    // A partition was read to its end.
    void note_end(const OwnedPartition& owned, std::int64_t now_ms) {
        schedule_.note_end(owned.history->mark, owned.read.position, now_ms);
    }

    // A message or an end at `offset` was received. Returns true if it belongs to a new log: then the
    // partition is restarted, and the message must be dropped. librdkafka goes back if its position is out of
    // the log's range. It can also go back in the same log (a resume, a message of an earlier assignment);
    // the engine handles such duplicates.
    bool has_gone_back(OwnedPartition& owned, std::int64_t offset) {
        if (offset <= owned.read.last_read) return is_behind_new_log(owned, offset);
        owned.read.last_read = offset;
        return false;
    }
    // Offsets are missing before the message at `offset`. Reports them if retention has deleted them.
    void check_gap(const OwnedPartition& owned, std::int64_t offset, std::int64_t now_ms);

    // See OffsetQueries.
    std::int64_t lag() { return queries_.lag(partitions_); }

private:
    bool check_marks(std::int64_t now_ms);
    void move_marks(std::int64_t now_ms);
    bool is_behind_new_log(OwnedPartition& owned, std::int64_t offset);
    std::optional<bool> is_new_log(const OwnedPartition& owned);
    std::optional<std::vector<std::int64_t>> query(const std::vector<const OwnedPartition*>& partitions,
                                                   const std::vector<std::int64_t>& times,
                                                   std::int64_t now_ms);

    ConsumerInstance& instance_;
    OwnedPartitions& partitions_;
    ConsumerStatus& status_;
    TopicWatch& topics_;
    OffsetQueries queries_;
    LogRestarts restarts_;
    MarkSchedule schedule_;
    std::int64_t gap_checked_ms_ = 0;
};

}  // namespace volley::kafka

// Asks brokers for offsets (ListOffsets). Each call blocks for one round trip, whatever the number of
// partitions: rd_kafka_offsets_for_times sends one request to each leader. A call takes at most
// QueryPause::timeout_ms if a broker does not respond; after that, calls fail immediately for a while.
//
// rd_kafka_query_watermark_offsets is not used: 2.0.2 ignores its timeout once the request is sent, and
// blocks for up to socket.timeout.ms.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "consumer_instance.hpp"
#include "owned_partitions.hpp"
#include "query_pause.hpp"

namespace volley::kafka {

// Thread: one at a time.
class OffsetQueries {
public:
    explicit OffsetQueries(const ConsumerInstance& instance) : instance_(instance) {}

    // Returns for each partition the offset of the first record that is not older than its time (Unix, ms; or
    // `latest` or `earliest`, see topics.hpp), or no_offset, or unknown_offset. Nothing if the query failed.
    std::optional<std::vector<std::int64_t>> first_offsets(
        const std::vector<const OwnedPartition*>& partitions, const std::vector<std::int64_t>& times);
    // The same for one time.
    std::optional<std::vector<std::int64_t>> first_offsets(
        const std::vector<const OwnedPartition*>& partitions, std::int64_t time);
    // The same for one partition. Also nothing if the offset is unknown.
    std::optional<std::int64_t> first_offset(const OwnedPartition& owned, std::int64_t time);

    // The number of messages between the positions and the ends of all partitions. If brokers do not respond,
    // the ends are those of the last fetches. Throws Error{retry} if one is unknown. Stores where each log
    // begins and ends.
    std::int64_t lag(OwnedPartitions& partitions);

    // True while calls fail immediately.
    bool is_paused() const;
    void end_pause() { pause_.end(); }

private:
    const ConsumerInstance& instance_;
    QueryPause pause_;
};

}  // namespace volley::kafka

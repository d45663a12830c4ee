// The records that a producer has queued for each partition, and the records in flight there.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "pacing.hpp"
#include "partitioner.hpp"

namespace volley::kafka {

// A record that was accepted from the engine. The engine owns the views, which are valid until the report.
struct QueuedRecord {
    volley_view body;
    volley_view key;
    const volley_header* headers;
    std::uint32_t header_count;
    std::int32_t partition;  // the handler's choice; negative: none
    std::int64_t timestamp_ms;
    std::uint64_t token;

    std::size_t size() const { return body.size + key.size; }  // as librdkafka counts it
};

struct PartitionQueue {
    explicit PartitionQueue(std::int32_t number) : partition(number) {}

    std::int32_t partition;  // RD_KAFKA_PARTITION_UA: librdkafka chooses, or rejects the handler's choice
    // In the order in which they were accepted. librdkafka has the first `sent` of them already.
    std::vector<QueuedRecord> records;
    std::size_t sent = 0;
    // Approximate: messages that librdkafka moves to another partition, or whose partition it has chosen, are
    // not tracked.
    InFlight in_flight;
    std::atomic<bool> has_leader{true};

    bool has_unsent() const { return sent < records.size(); }
    std::int64_t load() const {
        return in_flight.records.load() + static_cast<std::int64_t>(records.size() - sent);
    }
};

// Thread: one at a time, the one that hands over; functions marked "polling" are for the polling thread.
class PartitionQueues {
public:
    explicit PartitionQueues(const Properties& properties, Pacing::RequestLimits limits);

    // Sets how many partitions the topic has: more than before, or fewer if it was recreated. Requires: no
    // thread hands over meanwhile.
    void set_count(std::size_t partitions);
    // The count in use; 0 before the first set_count().
    std::size_t count() const { return count_; }

    // Queues a record for its partition.
    void add(const QueuedRecord& record, Partitioner::Clock::time_point now);

    // The queues that have unsent records.
    std::vector<PartitionQueue*>& unsent() { return unsent_; }

    // Moves all unsent records to the end of `out`.
    void drain(std::vector<QueuedRecord>& out);

    // Thread: polling. The number of records of this partition that were reported.
    void remove_in_flight(std::int32_t partition, std::int64_t records, std::int64_t bytes);
    // Thread: polling.
    void set_leader(std::int32_t partition, bool has_leader);

private:
    PartitionQueue& queue_for(const QueuedRecord& record, Partitioner::Clock::time_point now);
    PartitionQueue& sticky_queue(const QueuedRecord& record, Partitioner::Clock::time_point now);
    void choose_sticky();

    Partitioner partitioner_;
    Pacing::RequestLimits limits_;
    PartitionQueue unassigned_{RD_KAFKA_PARTITION_UA};
    std::deque<PartitionQueue> partitions_;  // only grows, so that references stay valid
    std::size_t count_ = 0;                  // how many of them the topic has
    std::vector<PartitionQueue*> unsent_;

    // The partition that records without a key go to now.
    struct Sticky {
        std::size_t partition = 0;
        std::size_t records = 0;  // assigned since it was chosen
        std::size_t bytes = 0;
        std::size_t recent_records = 0;  // assigned since `recent_since`
        Partitioner::Clock::time_point recent_since{};
    };
    Sticky sticky_;
};

}  // namespace volley::kafka

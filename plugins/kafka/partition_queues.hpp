// What a producer holds for each partition, and what librdkafka has of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "partitioner.hpp"

namespace volley::kafka {

// What is sent of a record; the views are the engine's, valid until the report.
struct Held {
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

    std::int32_t partition;  // RD_KAFKA_PARTITION_UA: librdkafka chooses, or refuses the handler's choice
    // In the order in which they were given. The first `sent` are with librdkafka already.
    std::vector<Held> records;
    std::size_t sent = 0;
    // With librdkafka. Roughly: what it moves to another partition is not followed, and what it chose the
    // partition of is only counted in.
    std::atomic<std::int64_t> with_client{0};
    std::atomic<std::int64_t> with_client_bytes{0};
    std::atomic<bool> has_leader{true};

    bool is_waiting() const { return sent < records.size(); }
    std::int64_t load() const {
        return with_client.load() + static_cast<std::int64_t>(records.size() - sent);
    }
};

// Thread: one at a time, whichever hands over; but for what is said to be the serving thread's.
class PartitionQueues {
public:
    // `request_records`, `request_bytes`: what a request of librdkafka's takes; it has one partition.
    PartitionQueues(const Properties& properties, std::size_t request_records, std::size_t request_bytes);

    // Tells how many partitions the topic has: more than before, or fewer if it was made again. Requires:
    // nobody hands over meanwhile.
    void fit(std::size_t partitions);
    // Partitions, as fit() was told last; 0 before.
    std::size_t count() const { return count_; }

    // Takes a record.
    void add(const Held& record, Partitioner::Clock::time_point now);

    // Those that have waiting records.
    std::vector<PartitionQueue*>& waiting() { return waiting_; }

    // Everything that waits goes to `out`.
    void take_all(std::vector<Held>& out);

    // Thread: serving. Reports of so many records of this partition came.
    void count_out(std::int32_t partition, std::int64_t records, std::int64_t bytes);
    // Thread: serving.
    void set_leader(std::int32_t partition, bool has_leader);

private:
    PartitionQueue& queue_of(const Held& record, Partitioner::Clock::time_point now);
    PartitionQueue& any(const Held& record, Partitioner::Clock::time_point now);
    void choose();

    Partitioner partitioner_;
    std::size_t request_records_;
    std::size_t request_bytes_;
    PartitionQueue unassigned_{RD_KAFKA_PARTITION_UA};
    std::deque<PartitionQueue> partitions_;  // grows; references stay
    std::size_t count_ = 0;                  // so many of them the topic has
    std::vector<PartitionQueue*> waiting_;

    // Where records without a key go now, what it was given since it was chosen, and lately: since a time.
    std::size_t current_ = 0;
    std::size_t given_ = 0;
    std::size_t given_bytes_ = 0;
    std::size_t given_lately_ = 0;
    Partitioner::Clock::time_point lately_{};
};

}  // namespace volley::kafka

// Reads from librdkafka what it has fetched: messages, ends of partitions, and errors.
//
// It uses only rd_kafka_consumer_poll: in librdkafka 2.0.2 the batch functions can lose messages around a
// rebalance (#4208).
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>

#include "consumer_instance.hpp"
#include "deliveries.hpp"
#include "log_watch.hpp"
#include "owned_partitions.hpp"
#include "poll_clock.hpp"
#include "topic_watch.hpp"

namespace volley::kafka {

// Thread: one at a time. Times: monotonic, ms.
class MessageReader {
public:
    MessageReader(ConsumerInstance& instance, OwnedPartitions& partitions, LogWatch& logs, TopicWatch& topics)
        : instance_(instance), partitions_(partitions), logs_(logs), topics_(topics) {}

    // Fills the batch. Waits up to `timeout_ms` for the first message, but not after an event.
    void read(volley_batch& batch, int timeout_ms, std::int64_t now_ms);
    // Waits for an event while all partitions are paused. A message that was fetched before the pause is
    // read again after it.
    void read_paused(int timeout_ms, std::int64_t now_ms);
    // Returns the memory of messages to librdkafka.
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void release_all() { deliveries_.release_all(); }

private:
    void receive(rd_kafka_message_t* message, volley_batch& batch, std::uint64_t& bytes);
    void skip_resolution(volley_message& out, OwnedPartition& owned);
    void handle_error(const rd_kafka_message_t* message);
    void handle_eof(const rd_kafka_message_t* message);

    ConsumerInstance& instance_;
    OwnedPartitions& partitions_;
    LogWatch& logs_;
    TopicWatch& topics_;
    Deliveries deliveries_;
    FetchResume resume_;
    std::int64_t polled_ms_ = 0;
};

}  // namespace volley::kafka

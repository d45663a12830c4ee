// The Kafka consumer: what the ABI calls, and its parts. The engine keeps windows and order; the consumer
// keeps the partitions with their epochs, lends messages from librdkafka's memory, and commits offsets.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <string_view>

#include "consumer_instance.hpp"
#include "consumer_status.hpp"
#include "inspection.hpp"
#include "log_watch.hpp"
#include "message_reader.hpp"
#include "offset_commits.hpp"
#include "owned_partitions.hpp"
#include "partition_events.hpp"
#include "rebalance_listener.hpp"
#include "topic_watch.hpp"

namespace volley::kafka {

class KafkaConsumer {
public:
    explicit KafkaConsumer(Context context);
    KafkaConsumer(const KafkaConsumer&) = delete;
    KafkaConsumer& operator=(const KafkaConsumer&) = delete;

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void poll(std::uint32_t timeout_ms);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // The extensions; extensions.cpp has their tables.
    void listen(const volley_partition_events* events) { events_.listen(events); }
    void pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool paused);
    std::int32_t commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                        bool wait, std::uint32_t timeout_ms);
    void stats(volley_stats& out);
    // See volley_ext_lag. Returns how many partitions are assigned.
    std::uint32_t lags(volley_partition_lag* out, std::uint32_t capacity, std::uint32_t stride);
    Inspection& inspection() { return inspection_; }

private:
    static void on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                             void* client);
    static void on_statistics(void* self, std::string_view json);
    std::int64_t begin_poll();

    ConsumerInstance instance_;
    ConsumerStatus status_;
    PartitionEvents events_;
    OwnedPartitions partitions_;
    OffsetCommits commits_;
    TopicWatch topics_;
    LogWatch logs_;
    RebalanceListener rebalances_;
    MessageReader reader_;
    Inspection inspection_;
};

const volley_ext_partitions* partitions_functions();
const volley_ext_log* log_functions();
const volley_ext_inspect* inspect_functions();
const volley_ext_history* history_functions();
const volley_ext_identity* identity_functions();
const volley_ext_removal* removal_functions();
const volley_ext_lag* lag_functions();

}  // namespace volley::kafka

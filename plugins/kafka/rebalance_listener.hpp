// Handles the assignment and revocation of partitions in rebalances.
#pragma once

#include <librdkafka/rdkafka.h>

#include "consumer_instance.hpp"
#include "consumer_status.hpp"
#include "log_watch.hpp"
#include "owned_partitions.hpp"
#include "partition_events.hpp"
#include "poll_clock.hpp"

namespace volley::kafka {

// Thread: polling; librdkafka calls back from rd_kafka_consumer_poll.
class RebalanceListener {
public:
    RebalanceListener(ConsumerInstance& instance, OwnedPartitions& partitions, const PartitionEvents& events,
                      ConsumerStatus& status, LogWatch& logs)
        : instance_(instance), partitions_(partitions), events_(events), status_(status), logs_(logs) {}

    // librdkafka is polled for messages now. `now_ms`: monotonic.
    void note_poll(std::int64_t now_ms) { polls_.record(now_ms); }

    // Unless partitions are lost, the engine drains and commits inside this call.
    void on_rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list);

private:
    bool is_lost(rd_kafka_resp_err_t code) const;
    void assign(const rd_kafka_topic_partition_list_t* list);
    void revoke(const rd_kafka_topic_partition_list_t* list, bool lost);

    ConsumerInstance& instance_;
    OwnedPartitions& partitions_;
    const PartitionEvents& events_;
    ConsumerStatus& status_;
    LogWatch& logs_;
    PollClock polls_;
};

}  // namespace volley::kafka

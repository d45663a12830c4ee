#include "consumer_status.hpp"

#include <algorithm>

namespace volley::kafka {

namespace {

constexpr std::int64_t response_timeout_ms = 6000;  // more than two heartbeats

}  // namespace

ConsumerStatus::ConsumerStatus(const Context& context, const Properties& properties)
    : health_(context, response_timeout_ms + number_of(properties, "fetch.wait.max.ms", 500)),
      metrics_(context) {}

void ConsumerStatus::publish(const Statistics& statistics, OwnedPartitions& partitions, bool is_subscribed,
                             const std::string& cause) {
    health_.update(statistics, is_subscribed, cause);
    metrics_.set("kafka_brokers_up", "Brokers with an open connection", statistics.brokers_up);
    metrics_.set("kafka_assigned_partitions", "Partitions assigned to this consumer",
                 static_cast<double>(partitions.size()));
    for (const PartitionStatistics& p : statistics.partitions) {
        OwnedPartition* owned = partitions.find(p.topic, p.partition);
        const std::int64_t start = owned == nullptr ? -1 : owned->committed();
        // A partition that was assigned to another member has no lag here.
        const std::int64_t lag =
            owned == nullptr || p.end < 0 ? 0 : p.end - std::max<std::int64_t>({start, p.begin, 0});
        metrics_.set("kafka_lag", "Messages behind the committed offset", static_cast<double>(lag), p.topic,
                     p.partition);
        if (owned != nullptr && p.end >= 0) {
            owned->begins_at = std::max(owned->begins_at, p.begin);
            owned->ends_at = std::max(owned->ends_at, p.end);  // without fetches p.end stays as it was
        }
        if (owned == nullptr) continue;
        metrics_.set("kafka_position", "The next offset to read", static_cast<double>(owned->read.position),
                     p.topic, p.partition);
        metrics_.set("kafka_committed", "The offset that a restart continues at", static_cast<double>(start),
                     p.topic, p.partition);
    }
}

void ConsumerStatus::count_rebalance() {
    metrics_.add("kafka_rebalances_total", "Assignments taken away from this consumer", 1);
}

void ConsumerStatus::count_truncation() {
    metrics_.add("kafka_truncations_total", "Times that messages were deleted before they were read", 1);
}

void ConsumerStatus::count_log_restart() {
    metrics_.add("kafka_log_restarts_total",
                 "Times that a partition's log was replaced: the topic was recreated, or the log truncated",
                 1);
}

}  // namespace volley::kafka

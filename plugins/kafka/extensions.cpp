// The consumer's extensions as tables of the ABI (partitions, log, inspect and others), and its metrics.
#include <algorithm>

#include "consumer.hpp"

namespace volley::kafka {

namespace {

KafkaConsumer& consumer(volley_consumer* instance) { return detail::self<KafkaConsumer>(instance); }

void listen(volley_consumer* instance, const volley_partition_events* events) {
    consumer(instance).listen(events);
}

std::int32_t pause(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                   volley_error* e) {
    return detail::guard(e, [&] { consumer(i).pause(p, n, stride, true); });
}
std::int32_t resume(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                    volley_error* e) {
    return detail::guard(e, [&] { consumer(i).pause(p, n, stride, false); });
}
std::int32_t commit(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                    std::int32_t wait, std::uint32_t timeout_ms, volley_error* e) {
    return detail::guard(e, [&] { return consumer(i).commit(p, n, stride, wait != 0, timeout_ms); });
}
std::int32_t seek(volley_consumer* i, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                  volley_error* e) {
    return detail::guard(e, [&] { consumer(i).seek(p, n, stride); });
}
std::int32_t stats(void* i, volley_stats* out, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->stats(*out); });
}
std::int32_t peek(void* i, volley_batch* batch, std::uint64_t skip, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->browser().peek(*batch, skip); });
}
std::int32_t find(void* i, volley_view id, volley_batch* batch, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->browser().find(text_of(id), *batch); });
}
std::int32_t remove(void* i, volley_view id, std::uint64_t* removed, volley_error* e) {
    return detail::guard(e,
                         [&] { *removed = static_cast<KafkaConsumer*>(i)->browser().remove(text_of(id)); });
}
std::int32_t remove_all(void* i, const volley_view* ids, std::uint32_t count, std::uint32_t* removed,
                        volley_error* e) {
    return detail::guard(e,
                         [&] { static_cast<KafkaConsumer*>(i)->browser().remove_all(ids, count, removed); });
}
std::int32_t purge(void* i, std::uint64_t* removed, volley_error* e) {
    return detail::guard(e, [&] { *removed = static_cast<KafkaConsumer*>(i)->browser().purge(); });
}
std::int32_t between(void* i, std::int64_t from_ms, std::int64_t to_ms, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->browser().between(from_ms, to_ms); });
}
std::int32_t identity(volley_consumer* i, volley_view* out, volley_error* e) {
    return detail::guard(e, [&] { *out = view_of(consumer(i).identity()); });
}
std::int32_t check(void* i, std::uint32_t timeout_ms, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->check(timeout_ms); });
}

constexpr volley_ext_partitions partitions{sizeof(volley_ext_partitions), 0, &listen, &pause, &resume};
constexpr volley_ext_log log_table{sizeof(volley_ext_log), 0, &commit, &seek};
constexpr volley_ext_inspect inspect{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, &purge, &find, &remove};
constexpr volley_ext_identity identity_table{sizeof(volley_ext_identity), 0, &identity};
constexpr volley_ext_removal removal{sizeof(volley_ext_removal), 0, &remove_all};
constexpr volley_ext_history history{sizeof(volley_ext_history), 0, &between};

}  // namespace

const volley_ext_partitions* partitions_functions() { return &partitions; }
const volley_ext_log* log_functions() { return &log_table; }
const volley_ext_inspect* inspect_functions() { return &inspect; }
const volley_ext_history* history_functions() { return &history; }
const volley_ext_identity* identity_functions() { return &identity_table; }

// A recreated topic keeps its identity; the timestamps of its records differ.
const std::string& KafkaConsumer::identity() {
    if (!identity_.empty()) return identity_;
    constexpr int query_timeout_ms = 1000;  // known since the first metadata response
    char* const cluster = rd_kafka_clusterid(rk_, query_timeout_ms);
    if (cluster == nullptr)
        throw Error(ErrorCode::unsupported, "kafka: the broker does not report a cluster ID");
    identity_ = std::string(cluster) + '/' + properties_["group.id"];
    rd_kafka_mem_free(rk_, cluster);
    return identity_;
}
const volley_ext_removal* removal_functions() { return &removal; }

// For a member, the lag: the messages between its position and the end of each assigned partition. For an
// inspection, which is not a member, what all partitions have for the group.
void KafkaConsumer::stats(volley_stats& out) {
    if (!subscribed_) {
        out.ready = browser().count();
        return;
    }
    constexpr int query_timeout_ms = 1000;
    std::int64_t lag = 0;
    for (Owned& owned : owned_) {
        std::int64_t low = 0;
        std::int64_t high = 0;
        const auto code = rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low,
                                                           &high, query_timeout_ms);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw Error(ErrorCode::retry, std::string("kafka: ") + rd_kafka_err2str(code));
        lag += std::max<std::int64_t>(0, high - std::max(owned.position, low));
    }
    out.ready = lag;
}

void KafkaConsumer::on_statistics(void* self, std::string_view json) {
    static_cast<KafkaConsumer*>(self)->publish(read_statistics(json));
}

void KafkaConsumer::publish(const Statistics& statistics) {
    health_.update(statistics, subscribed_, client_->last_error.text());
    metrics_.set("kafka_brokers_up", "Brokers with an open connection", statistics.brokers_up);
    metrics_.set("kafka_assigned_partitions", "Partitions assigned to this consumer",
                 static_cast<double>(owned_.size()));
    for (const PartitionStatistics& p : statistics.partitions) {
        const Owned* owned = find(p.topic, p.partition);
        const std::int64_t start = owned == nullptr ? -1 : std::max(owned->committed, owned->assigned_at);
        // A partition that was assigned to another member has no lag here.
        const std::int64_t lag =
            owned == nullptr || p.end < 0 ? 0 : p.end - std::max<std::int64_t>({start, p.begin, 0});
        metrics_.set("kafka_lag", "Messages behind the committed offset", static_cast<double>(lag), p.topic,
                     p.partition);
        if (owned == nullptr) continue;
        metrics_.set("kafka_position", "The next offset to read", static_cast<double>(owned->position),
                     p.topic, p.partition);
        metrics_.set("kafka_committed", "The offset that a restart continues at", static_cast<double>(start),
                     p.topic, p.partition);
    }
}

// Offsets are missing before this message. In a compacted or transactional topic that is normal. If the log
// starts after the position, retention has deleted messages that were not read, and auto.offset.reset made
// the consumer continue.
void KafkaConsumer::check_gap(const Owned& owned, std::int64_t offset) {
    constexpr std::int64_t between_checks_ms = 1000;
    constexpr int query_timeout_ms = 1000;
    if (polled_ms_ - gap_checked_ms_ < between_checks_ms) return;
    gap_checked_ms_ = polled_ms_;
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto code = rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low,
                                                       &high, query_timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || low <= owned.position) return;
    metrics_.add("kafka_truncations_total", "Times that messages were deleted before they were read", 1);
    client_->context.error(
        "kafka: topic \"" + *owned.topic + "\" partition " + std::to_string(owned.partition) + ": offsets " +
        std::to_string(owned.position) + " to " + std::to_string(std::min(low, offset) - 1) +
        " were deleted before they were read (retention); reading continues at " + std::to_string(offset));
}

void KafkaConsumer::check(std::uint32_t timeout_ms) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(rk_, 0, nullptr, &metadata, static_cast<int>(timeout_ms));
    if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw Error(ErrorCode::retry, std::string("kafka: ") + rd_kafka_err2str(code));
}

}  // namespace volley::kafka

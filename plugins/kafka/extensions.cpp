// The abilities of the consumer, as the ABI's tables: partitions, log, inspect.
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
std::int32_t check(void* i, std::uint32_t timeout_ms, volley_error* e) {
    return detail::guard(e, [&] { static_cast<KafkaConsumer*>(i)->check(timeout_ms); });
}

constexpr volley_ext_partitions partitions{sizeof(volley_ext_partitions), 0, &listen, &pause, &resume};
constexpr volley_ext_log log_table{sizeof(volley_ext_log), 0, &commit, &seek};
constexpr volley_ext_inspect inspect{
    sizeof(volley_ext_inspect), 0, &stats, nullptr, &check, nullptr, nullptr, nullptr};

}  // namespace

const volley_ext_partitions* partitions_functions() { return &partitions; }
const volley_ext_log* log_functions() { return &log_table; }
const volley_ext_inspect* inspect_functions() { return &inspect; }

// The lag: what stands between our position and the end of each partition that is ours.
void KafkaConsumer::stats(volley_stats& out) {
    constexpr int ask_ms = 1000;
    std::int64_t lag = 0;
    for (Owned& owned : owned_) {
        std::int64_t low = 0;
        std::int64_t high = 0;
        const auto code =
            rd_kafka_query_watermark_offsets(rk_, owned.topic->c_str(), owned.partition, &low, &high, ask_ms);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw Error(ErrorCode::retry, std::string("kafka: ") + rd_kafka_err2str(code));
        if (owned.position < 0) {
            // Nothing came yet: reading starts at the committed offset, or at the beginning.
            rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
            rd_kafka_topic_partition_list_add(list, owned.topic->c_str(), owned.partition);
            const auto asked = rd_kafka_committed(rk_, list, ask_ms);
            const std::int64_t offset = list->elems[0].offset;
            rd_kafka_topic_partition_list_destroy(list);
            if (asked != RD_KAFKA_RESP_ERR_NO_ERROR)
                throw Error(ErrorCode::retry, std::string("kafka: ") + rd_kafka_err2str(asked));
            lag += high - (offset >= 0 ? offset : low);
            continue;
        }
        lag += high - owned.position;
    }
    out.ready = lag;
}

void KafkaConsumer::check(std::uint32_t timeout_ms) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(rk_, 0, nullptr, &metadata, static_cast<int>(timeout_ms));
    if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw Error(ErrorCode::retry, std::string("kafka: ") + rd_kafka_err2str(code));
}

}  // namespace volley::kafka

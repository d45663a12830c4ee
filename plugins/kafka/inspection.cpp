#include "inspection.hpp"

namespace volley::kafka {

Browser& Inspection::browser() {
    if (browser_ == nullptr)
        browser_ = std::make_unique<Browser>(instance_.context(), instance_.properties());
    return *browser_;
}

// A recreated topic keeps its identity; the timestamps of its records differ.
const std::string& Inspection::identity() {
    if (!identity_.empty()) return identity_;
    constexpr int query_timeout_ms = 1000;  // known since the first metadata response
    char* const cluster = rd_kafka_clusterid(instance_.rk(), query_timeout_ms);
    if (cluster == nullptr)
        throw Error(ErrorCode::unsupported, "kafka: the broker does not report a cluster ID");
    const auto group = instance_.properties().find("group.id");
    identity_ = std::string(cluster) + '/' + (group == instance_.properties().end() ? "" : group->second);
    rd_kafka_mem_free(instance_.rk(), cluster);
    return identity_;
}

void Inspection::check(std::uint32_t timeout_ms) const {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(instance_.rk(), 0, nullptr, &metadata, static_cast<int>(timeout_ms));
    if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw Error(ErrorCode::retry, std::string("kafka: ") + rd_kafka_err2str(code));
}

}  // namespace volley::kafka

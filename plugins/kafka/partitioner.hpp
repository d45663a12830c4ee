// Chooses the partition of a record before librdkafka has it, so that the producer knows what is in flight
// for each partition, and can hand over the records of a partition together.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "properties.hpp"

namespace volley::kafka {

// Not thread-safe.
class Partitioner {
public:
    using Clock = std::chrono::steady_clock;

    // From the properties "partitioner" and "sticky.partitioning.linger.ms".
    explicit Partitioner(const Properties& properties);

    // False for a partitioner that only a newer librdkafka has; then librdkafka chooses the partition.
    bool is_supported() const { return supported_; }

    // The partition of a key, as librdkafka's partitioner of that name computes it; nothing if the key does
    // not determine one. `partitions`: how many the topic has. Requires: is_supported(), partitions > 0.
    std::optional<std::int32_t> partition_of(volley_view key, std::int32_t partitions) const;

    // How long records without a key go to one partition while there are few of them.
    std::chrono::milliseconds sticky_linger() const { return sticky_linger_; }

private:
    using Hash = decltype(&rd_kafka_msg_partitioner_consistent);
    bool supported_ = false;
    Hash hash_ = nullptr;  // null: the key does not matter
    bool hashes_empty_ = false;
    bool hashes_null_ = false;
    std::chrono::milliseconds sticky_linger_;
};

}  // namespace volley::kafka

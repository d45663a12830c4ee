// The partition of a record, chosen before librdkafka has it: so it is known what librdkafka has of each
// partition, and records of one can be handed over together.
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

    // False of one that a newer librdkafka has: it alone can choose then.
    bool is_known() const { return known_; }

    // Where the key leads; nothing if it leads nowhere, as none does. The same as librdkafka's partitioner of
    // that name. Requires: is_known(), partitions > 0.
    std::optional<std::int32_t> of_key(volley_view key, std::int32_t partitions) const;

    // How long records without a key go to one partition where they are few.
    std::chrono::milliseconds stickiness() const { return stickiness_; }

private:
    using Hash = decltype(&rd_kafka_msg_partitioner_consistent);
    bool known_ = false;
    Hash hash_ = nullptr;  // none: any partition, whatever the key
    bool hashes_empty_ = false;
    bool hashes_null_ = false;
    std::chrono::milliseconds stickiness_;
};

}  // namespace volley::kafka

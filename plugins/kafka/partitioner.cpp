#include "partitioner.hpp"

#include <array>
#include <string_view>

namespace volley::kafka {

namespace {

struct Known {
    std::string_view name;
    decltype(&rd_kafka_msg_partitioner_consistent) hash;  // these three look at nothing but the key
    bool hashes_empty;
    bool hashes_null;
};

// librdkafka's partitioners, the default first (its CONFIGURATION.md).
constexpr std::array<Known, 7> all_known{{
    {"consistent_random", &rd_kafka_msg_partitioner_consistent, false, false},
    {"consistent", &rd_kafka_msg_partitioner_consistent, true, true},
    {"murmur2_random", &rd_kafka_msg_partitioner_murmur2, true, false},
    {"murmur2", &rd_kafka_msg_partitioner_murmur2, true, true},
    {"fnv1a_random", &rd_kafka_msg_partitioner_fnv1a, true, false},
    {"fnv1a", &rd_kafka_msg_partitioner_fnv1a, true, true},
    {"random", nullptr, false, false},
}};

}  // namespace

Partitioner::Partitioner(const Properties& properties)
    : stickiness_(number_of(properties, "sticky.partitioning.linger.ms", 0)) {
    const auto given = properties.find("partitioner");
    const std::string_view name = given == properties.end() ? all_known.front().name : given->second;
    for (const Known& one : all_known) {
        if (one.name != name) continue;
        known_ = true;
        hash_ = one.hash;
        hashes_empty_ = one.hashes_empty;
        hashes_null_ = one.hashes_null;
    }
}

std::optional<std::int32_t> Partitioner::of_key(volley_view key, std::int32_t partitions) const {
    if (hash_ == nullptr || (key.size == 0 && !(key.data == nullptr ? hashes_null_ : hashes_empty_)))
        return std::nullopt;
    return hash_(nullptr, key.data, key.size, partitions, nullptr, nullptr);
}

}  // namespace volley::kafka

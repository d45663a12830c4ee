#include "partitioner.hpp"

#include <array>
#include <string_view>

namespace volley::kafka {

namespace {

struct Builtin {
    std::string_view name;
    decltype(&rd_kafka_msg_partitioner_consistent) hash;  // these use only the key
    bool hashes_empty;
    bool hashes_null;
};

// librdkafka's partitioners, the default first (see its CONFIGURATION.md).
constexpr std::array<Builtin, 7> builtins{{
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
    : sticky_linger_(number_of(properties, "sticky.partitioning.linger.ms", 0)) {
    const auto given = properties.find("partitioner");
    const std::string_view name = given == properties.end() ? builtins.front().name : given->second;
    for (const Builtin& one : builtins) {
        if (one.name != name) continue;
        supported_ = true;
        hash_ = one.hash;
        hashes_empty_ = one.hashes_empty;
        hashes_null_ = one.hashes_null;
    }
}

std::optional<std::int32_t> Partitioner::partition_of(volley_view key, std::int32_t partitions) const {
    if (hash_ == nullptr || (key.size == 0 && !(key.data == nullptr ? hashes_null_ : hashes_empty_)))
        return std::nullopt;
    return hash_(nullptr, key.data, key.size, partitions, nullptr, nullptr);
}

}  // namespace volley::kafka

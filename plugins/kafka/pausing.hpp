// Pauses and resumes partitions in librdkafka.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>

#include "owned_partitions.hpp"

namespace volley::kafka {

// Pauses the partitions, or resumes them. Skips those that are not assigned or already in that state.
void set_paused(rd_kafka_t* rk, OwnedPartitions& owned, const volley_partition* partitions,
                std::uint32_t count, std::uint32_t stride, bool paused);

// After an assignment the engine assumes that no partition is paused.
void resume_all(rd_kafka_t* rk, OwnedPartitions& owned);

}  // namespace volley::kafka

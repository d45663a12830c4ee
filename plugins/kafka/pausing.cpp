#include "pausing.hpp"

#include "partition_list.hpp"
#include "volley/abi.hpp"

namespace volley::kafka {

void set_paused(rd_kafka_t* rk, OwnedPartitions& owned, const volley_partition* partitions,
                std::uint32_t count, std::uint32_t stride, bool paused) {
    const List list = new_list(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        OwnedPartition* found = owned.find(text_of(p.source), p.partition);
        // Resuming a partition that is not paused can rewind it in 2.0.2 (librdkafka #4636).
        if (found == nullptr || found->is_paused == paused) continue;
        found->is_paused = paused;
        rd_kafka_topic_partition_list_add(list.get(), found->topic->c_str(), found->partition);
    }
    if (list->cnt == 0) return;
    if (paused)
        rd_kafka_pause_partitions(rk, list.get());
    else
        rd_kafka_resume_partitions(rk, list.get());
}

void resume_all(rd_kafka_t* rk, OwnedPartitions& owned) {
    const List list = new_list(owned.size());
    for (OwnedPartition& one : owned) {
        if (one.is_paused) rd_kafka_topic_partition_list_add(list.get(), one.topic->c_str(), one.partition);
        one.is_paused = false;
    }
    if (list->cnt > 0) rd_kafka_resume_partitions(rk, list.get());
}

}  // namespace volley::kafka

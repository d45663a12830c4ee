// Owning pointers to librdkafka's partition lists.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace volley::kafka {

struct FreeList {
    void operator()(rd_kafka_topic_partition_list_t* list) const {
        rd_kafka_topic_partition_list_destroy(list);
    }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, FreeList>;

inline List new_list(std::size_t size) {
    return List(rd_kafka_topic_partition_list_new(static_cast<int>(size)));
}

}  // namespace volley::kafka

#include "offset_queries.hpp"

#include <algorithm>

#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

std::optional<std::vector<std::int64_t>> OffsetQueries::first_offsets(
    const std::vector<const OwnedPartition*>& partitions, const std::vector<std::int64_t>& times) {
    std::vector<std::int64_t> first(partitions.size(), unknown_offset);
    if (partitions.empty()) return first;
    const List list = new_list(partitions.size());
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        rd_kafka_topic_partition_list_add(list.get(), partitions[i]->topic->c_str(), partitions[i]->partition)
            ->offset = times[i];
    }
    if (rd_kafka_offsets_for_times(instance_.rk(), list.get(), timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        const rd_kafka_topic_partition_t& answer = list->elems[i];
        if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR || answer.offset == times[i]) continue;
        first[i] = std::max(answer.offset, no_offset);
    }
    return first;
}

std::optional<std::vector<std::int64_t>> OffsetQueries::first_offsets(
    const std::vector<const OwnedPartition*>& partitions, std::int64_t time) {
    return first_offsets(partitions, std::vector<std::int64_t>(partitions.size(), time));
}

std::optional<std::int64_t> OffsetQueries::first_offset(const OwnedPartition& owned, std::int64_t time) {
    const auto first = first_offsets({&owned}, time);
    if (!first || first->front() == unknown_offset) return std::nullopt;
    return first->front();
}

std::int64_t OffsetQueries::lag(const OwnedPartitions& partitions) {
    std::vector<const OwnedPartition*> all;
    for (const OwnedPartition& owned : partitions) all.push_back(&owned);
    const auto ends = first_offsets(all, latest);
    const auto starts = ends ? first_offsets(all, earliest) : std::nullopt;
    std::int64_t lag = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!starts || (*ends)[i] < 0)
            throw Error(ErrorCode::retry, "kafka: the end of a partition is unknown");
        lag += std::max<std::int64_t>(0, (*ends)[i] - std::max(all[i]->read.position, (*starts)[i]));
    }
    return lag;
}

}  // namespace volley::kafka

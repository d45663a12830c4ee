#include "offset_queries.hpp"

#include <algorithm>

#include "clock.hpp"
#include "partition_list.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

// The end of a partition as of the last fetch; negative: unknown. No I/O.
std::int64_t fetched_end(rd_kafka_t* rk, const OwnedPartition& owned) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto code = rd_kafka_get_watermark_offsets(rk, owned.topic->c_str(), owned.partition, &low, &high);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? high : -1;
}

}  // namespace

std::optional<std::vector<std::int64_t>> OffsetQueries::first_offsets(
    const std::vector<const OwnedPartition*>& partitions, const std::vector<std::int64_t>& times) {
    std::vector<std::int64_t> first(partitions.size(), unknown_offset);
    if (partitions.empty()) return first;
    const std::int64_t began = now_ms();
    if (pause_.is_active(began)) return std::nullopt;
    const List list = new_list(partitions.size());
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        rd_kafka_topic_partition_list_add(list.get(), partitions[i]->topic->c_str(), partitions[i]->partition)
            ->offset = times[i];
    }
    const auto code = rd_kafka_offsets_for_times(instance_.rk(), list.get(), QueryPause::timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        pause_.note_failure(began, now_ms());
        return std::nullopt;
    }
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

std::int64_t OffsetQueries::lag(OwnedPartitions& partitions) {
    std::vector<const OwnedPartition*> all;
    for (const OwnedPartition& owned : partitions) all.push_back(&owned);
    const auto ends = first_offsets(all, latest);
    const auto starts = ends ? first_offsets(all, earliest) : std::nullopt;
    std::int64_t lag = 0;
    auto owned = partitions.begin();
    for (std::size_t i = 0; i < all.size(); ++i, ++owned) {
        const std::int64_t end = ends && (*ends)[i] >= 0 ? (*ends)[i] : fetched_end(instance_.rk(), *all[i]);
        if (end < 0) throw Error(ErrorCode::retry, "kafka: the end of a partition is unknown");
        const std::int64_t start = starts ? (*starts)[i] : no_offset;
        owned->begins_at = std::max(owned->begins_at, start);
        owned->ends_at = std::max(owned->ends_at, end);
        lag += std::max<std::int64_t>(0, end - std::max<std::int64_t>({owned->read.position, start, 0}));
    }
    return lag;
}

bool OffsetQueries::is_paused() const { return pause_.is_active(now_ms()); }

}  // namespace volley::kafka

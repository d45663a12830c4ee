#include "log_restarts.hpp"

#include <string>
#include <vector>

#include "partition_list.hpp"
#include "pausing.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

constexpr std::int64_t retry_ms = 500;
constexpr int seek_timeout_ms = 1000;

}  // namespace

void LogRestarts::report(OwnedPartition& owned, std::int64_t read_to) {
    status_.count_log_restart();
    owned.is_restarting = is_pending_ = true;
    const std::string what = "kafka: topic \"" + *owned.topic + "\" partition " +
                             std::to_string(owned.partition) + " is not the log that was read up to offset " +
                             std::to_string(read_to) +
                             ": the topic was deleted and created again, or it was truncated. ";
    const auto policy = instance_.properties().find("auto.offset.reset");
    if (policy == instance_.properties().end() || policy->second != "error")
        return instance_.context().error(what + "Reading continues at its start, in a new epoch");
    instance_.fail(
        Error(ErrorCode::config, what + "auto.offset.reset is error: decide where to continue, and set "
                                        "the group's offset (kafka-consumer-groups --reset-offsets)"));
}

void LogRestarts::restart(OwnedPartition& owned) {
    report(owned, owned.read.position);
    if (instance_.has_failed()) return;
    events_.revoked({owned.view(-1)}, true);
    OwnedPartitions::restart(owned);
    resume_all(instance_.rk(), partitions_);
    events_.assigned({owned.view(-1)});
}

bool LogRestarts::seek_if_due(std::int64_t now_ms) {
    if (!is_pending_ || now_ms < next_ms_ || instance_.has_failed()) return false;
    next_ms_ = now_ms + retry_ms;
    if (!seek()) return false;
    is_pending_ = false;
    commits_.send();
    return true;
}

// librdkafka drops messages that it fetched before the seek. The start is committed immediately: a process
// that takes over must not continue at an offset of the replaced log. Returns false if some start is not
// known yet.
bool LogRestarts::seek() {
    std::vector<const OwnedPartition*> restarting;
    for (const OwnedPartition& owned : partitions_) {
        if (owned.is_restarting) restarting.push_back(&owned);
    }
    const auto starts = queries_.first_offsets(restarting, earliest);
    if (!starts) return false;
    const List list = new_list(restarting.size());
    for (std::size_t i = 0; i < restarting.size(); ++i) {
        if ((*starts)[i] < 0) continue;
        rd_kafka_topic_partition_list_add(list.get(), restarting[i]->topic->c_str(), restarting[i]->partition)
            ->offset = (*starts)[i];
    }
    if (list->cnt > 0)
        rd_kafka_error_destroy(rd_kafka_seek_partitions(instance_.rk(), list.get(), seek_timeout_ms));
    std::size_t sought = 0;
    for (int i = 0; i < list->cnt; ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        OwnedPartition* owned = partitions_.find(p.topic, p.partition);
        if (owned == nullptr || p.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        owned->is_restarting = false;
        owned->read.move_to(p.offset);
        owned->commit.requested = p.offset;
        ++sought;
    }
    return sought == restarting.size();
}

}  // namespace volley::kafka

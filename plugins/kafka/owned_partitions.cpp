#include "owned_partitions.hpp"

#include "volley/view.hpp"

namespace volley::kafka {

volley_partition OwnedPartition::view(std::int64_t offset) const {
    volley_partition v{};
    v.source = view_of(*topic);
    v.partition = partition;
    v.epoch = epoch;
    v.offset = offset;
    return v;
}

OwnedPartition& OwnedPartitions::assign(std::string_view topic, std::int32_t partition,
                                        std::int64_t committed) {
    OwnedPartition owned;
    owned.topic = &*topics_.emplace(topic).first;
    owned.partition = partition;
    owned.history = &history_[{*owned.topic, partition}];
    owned.epoch = ++owned.history->epoch;
    if (committed >= 0) {
        owned.assigned_at = committed;
        owned.read.move_to(committed);
    }
    // If other members have read the partition since, they were responsible for detecting a replaced log.
    if (owned.assigned_at != owned.history->committed) owned.history->mark = {};
    erase(topic, partition);
    return owned_.emplace_back(owned);
}

void OwnedPartitions::revoke(std::string_view topic, std::int32_t partition) {
    if (const OwnedPartition* owned = find(topic, partition)) owned->history->committed = owned->committed();
    erase(topic, partition);
    last_found_ = 0;
}

void OwnedPartitions::restart(OwnedPartition& owned) {
    OwnedPartition restarted;
    restarted.topic = owned.topic;
    restarted.partition = owned.partition;
    restarted.history = owned.history;
    restarted.history->mark = {};
    restarted.epoch = ++restarted.history->epoch;
    restarted.is_paused = owned.is_paused;
    restarted.is_restarting = true;
    owned = restarted;
}

OwnedPartition* OwnedPartitions::search(std::string_view topic, std::int32_t partition) {
    const auto found = std::find_if(owned_.begin(), owned_.end(),
                                    [&](const OwnedPartition& o) { return o.is(topic, partition); });
    if (found == owned_.end()) return nullptr;
    last_found_ = static_cast<std::size_t>(found - owned_.begin());
    return &*found;
}

void OwnedPartitions::erase(std::string_view topic, std::int32_t partition) {
    owned_.erase(std::remove_if(owned_.begin(), owned_.end(),
                                [&](const OwnedPartition& o) { return o.is(topic, partition); }),
                 owned_.end());
}

bool OwnedPartitions::request_commit(const volley_partition& view) {
    OwnedPartition* owned = find(text_of(view.source), view.partition);
    if (owned == nullptr || owned->epoch != view.epoch) return false;
    // After the last message there can be records that are not delivered to the engine.
    owned->commit.request(view.offset == owned->read.delivered_to ? owned->read.position : view.offset);
    return true;
}

}  // namespace volley::kafka

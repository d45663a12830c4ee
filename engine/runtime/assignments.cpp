#include "runtime/assignments.hpp"

#include <algorithm>

#include "volley/view.hpp"

namespace volley::runtime {

volley_partition partition_of(const Assignment& assignment, std::int64_t offset) {
    volley_partition p{};
    p.source = view_of(assignment.source);
    p.partition = assignment.partition;
    p.epoch = assignment.epoch;
    p.offset = offset;
    return p;
}

void Assignments::use_one_lane() {
    one_lane_ = was_assigned_ = true;
    all_.emplace_back().lane = core_.open_lane();
}

const Assignment* Assignments::find(std::string_view source, std::int32_t partition) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Assignment& a) {
        return a.partition == partition && a.source == source;
    });
    return found == all_.end() ? nullptr : &*found;
}

const Assignment& Assignments::assign(const volley_partition& partition) {
    if (const Assignment* old = find(text_of(partition.source), partition.partition)) end(Assignment(*old));
    Assignment& assignment = all_.emplace_back();
    assignment.source = text_of(partition.source);
    assignment.source_data = partition.source.data;
    assignment.partition = partition.partition;
    assignment.epoch = partition.epoch;
    assignment.lane = core_.open_lane();
    was_assigned_ = true;
    return assignment;
}

void Assignments::end(const Assignment& assignment) {
    const Assignment* known = of_lane(assignment.lane);
    if (known == nullptr || known->epoch != assignment.epoch) return;
    core_.end_lane(assignment.lane);
    std::erase_if(all_, [&](const Assignment& a) { return a.lane == assignment.lane; });
    last_ = 0;
}

const delivery::Lane* Assignments::lane_of(const volley_message& message) {
    if (one_lane_) return &all_.front().lane;
    const auto matches = [&](const Assignment& a) {
        return a.partition == message.partition &&
               (a.source_data == message.source.data || a.source == text_of(message.source));
    };
    if (last_ >= all_.size() || !matches(all_[last_])) {
        const auto found = std::find_if(all_.begin(), all_.end(), matches);
        if (found == all_.end()) return nullptr;
        found->source_data = message.source.data;
        last_ = static_cast<std::size_t>(found - all_.begin());
    }
    return all_[last_].epoch == message.epoch ? &all_[last_].lane : nullptr;
}

const Assignment* Assignments::of_lane(delivery::Lane lane) const {
    const auto found =
        std::find_if(all_.begin(), all_.end(), [lane](const Assignment& a) { return a.lane == lane; });
    return found == all_.end() ? nullptr : &*found;
}

}  // namespace volley::runtime

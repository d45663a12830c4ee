// Partitions come and go: what is assigned becomes a lane of the core; what is revoked is drained and
// committed before it is given up; what is lost is dropped at once, because another process may have it
// already.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"

namespace volley::runtime {

namespace {

// How long a revocation waits for what runs. The whole group waits with us; what does not end in time runs
// again elsewhere, which is a bounded number of duplicates.
constexpr delivery::Millis drain_timeout{10'000};
constexpr delivery::Millis commit_timeout{5'000};
constexpr delivery::Millis last_commit_timeout{500};  // at the end, when a commit has been waited for already

}  // namespace

void Intake::listen() {
    partitions_ = static_cast<const volley_ext_partitions*>(consumer_.extension(VOLLEY_EXT_PARTITIONS));
    log_ = static_cast<const volley_ext_log*>(consumer_.extension(VOLLEY_EXT_LOG));
    inspect_ = static_cast<const volley_ext_inspect*>(consumer_.extension(VOLLEY_EXT_INSPECT));
    identity_ = static_cast<const volley_ext_identity*>(consumer_.extension(VOLLEY_EXT_IDENTITY));
    leases_.attach(consumer_);
    if (partitions_ == nullptr) {
        lanes_.push_back({});
        lanes_.back().lane = core_.open_lane();
        return;
    }
    events_.struct_size = sizeof events_;
    events_.context = this;
    events_.assigned = [](void* self, const volley_partition* p, std::uint32_t count, std::uint32_t stride) {
        static_cast<Intake*>(self)->assigned(p, count, stride);
    };
    events_.revoked = [](void* self, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                         std::int32_t lost) {
        static_cast<Intake*>(self)->revoked(p, count, stride, lost != 0);
    };
    partitions_->listen(consumer_.get(), &events_);
}

std::vector<Intake::AssignedLane>::iterator Intake::find_lane(std::string_view source,
                                                              std::int32_t partition) {
    return std::find_if(lanes_.begin(), lanes_.end(), [&](const AssignedLane& lane) {
        return lane.partition == partition && lane.source == source;
    });
}

volley_partition Intake::partition_of(const AssignedLane& lane, std::int64_t offset) const {
    volley_partition p{};
    p.source = view_of(lane.source);
    p.partition = lane.partition;
    p.epoch = lane.epoch;
    p.offset = offset;
    return p;
}

void Intake::assigned(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        const auto old = find_lane(text_of(p.source), p.partition);
        if (old != lanes_.end()) {
            core_.end_lane(old->lane);
            lanes_.erase(old);
        }
        AssignedLane& lane = lanes_.emplace_back();
        lane.source = text_of(p.source);
        lane.source_data = p.source.data;
        lane.partition = p.partition;
        lane.epoch = p.epoch;
        lane.lane = core_.open_lane();
        log::info("partition assigned", {{"component", pipeline_.config.name},
                                         {"topic", lane.source},
                                         {"partition", std::to_string(lane.partition)}});
    }
    was_assigned_ = true;
    paused_ = false;  // what is new is not paused: keep_flow() pauses all again if it must
}

void Intake::revoked(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                     bool lost) {
    std::vector<AssignedLane> gone;
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        const auto lane = find_lane(text_of(p.source), p.partition);
        if (lane != lanes_.end()) gone.push_back(*lane);
    }
    if (!lost) {
        for (const AssignedLane& lane : gone) core_.revoke(lane.lane);
        // At the end, when the consumer is closed, the drain is over: what runs still hangs.
        const bool over = pipeline_.aborting.load();
        const delivery::Instant deadline = now() + (over ? delivery::Millis(0) : drain_timeout);
        const auto drained = [&] {
            return std::all_of(gone.begin(), gone.end(),
                               [this](const AssignedLane& lane) { return core_.is_drained(lane.lane); });
        };
        for (now_ = now(); now_ < deadline; now_ = now()) {
            hear();
            core_.tick(now_);
            serve_ports();
            settle();
            if (drained()) break;
            dispatch();  // outputs to send again, and the other lanes
            pipeline_.completions.wait_for(delivery::Millis(20));
        }
        commit(true, over ? last_commit_timeout : commit_timeout);
    }
    for (const AssignedLane& lane : gone) {
        core_.end_lane(lane.lane);
        const auto known = find_lane(lane.source, lane.partition);
        if (known != lanes_.end()) lanes_.erase(known);
        log::info(lost ? "partition lost" : "partition revoked",
                  {{"component", pipeline_.config.name},
                   {"topic", lane.source},
                   {"partition", std::to_string(lane.partition)}});
    }
    last_lane_ = 0;
    settle();
}

}  // namespace volley::runtime

// Partition assignment. An assigned partition becomes a lane of the core. A revoked partition is drained and
// committed before it is given up. A lost partition is dropped at once, because another process may already
// have it.
#include "runtime/partition_listener.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

// How long a revocation waits for running messages. The whole group waits meanwhile. Messages that do not
// finish in time run again elsewhere, so the number of duplicates is bounded.
constexpr delivery::Millis drain_timeout{10'000};
constexpr delivery::Millis commit_timeout{5'000};
constexpr delivery::Millis last_commit_timeout{500};  // at the end, after an earlier commit was waited for

}  // namespace

void PartitionListener::attach() {
    thread_ = std::this_thread::get_id();
    events_.struct_size = sizeof events_;
    events_.context = this;
    events_.assigned = [](void* self, const volley_partition* p, std::uint32_t count, std::uint32_t stride) {
        static_cast<PartitionListener*>(self)->assigned(p, count, stride);
    };
    events_.revoked = [](void* self, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                         std::int32_t lost) {
        static_cast<PartitionListener*>(self)->revoked(p, count, stride, lost != 0);
    };
    context_.input.attach(events_);
    if (!context_.input.has_partitions()) context_.assignments.use_one_lane();
}

// Otherwise the listener would run concurrently with the intake, or inside a settlement.
bool PartitionListener::may_announce(const char* event) {
    if (context_.input.may_announce() && !in_revoked_) return true;
    misuse(std::string("it called `") + event +
           "` of its listener outside of open, consume, poll and close, or inside of another `revoked`");
    return false;
}

// Gives the consumer up: its statements about partitions cannot be trusted, so nothing more is settled or
// committed. Thread: any.
void PartitionListener::misuse(const std::string& what) {
    context_.fail(Error(ErrorCode::fatal, context_.input.label() + ": " + what));
    if (std::this_thread::get_id() == thread_) return context_.input.give_up();
    misused_.store(true, std::memory_order_release);
    context_.pipeline.completions.ring();
}

void PartitionListener::assigned(const volley_partition* partitions, std::uint32_t count,
                                 std::uint32_t stride) {
    if (!may_announce("assigned")) return;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Assignment& assignment = context_.assignments.assign(element(partitions, stride, i));
        log::info("partition assigned", {{"component", context_.pipeline.config.name},
                                         {"topic", assignment.source},
                                         {"partition", std::to_string(assignment.partition)}});
    }
    feed_.assigned();
}

void PartitionListener::revoked(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                                bool lost) {
    if (!may_announce("revoked")) return;
    std::vector<Assignment> gone;
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        const Assignment* found = context_.assignments.find(text_of(p.source), p.partition);
        if (found == nullptr) {
            return misuse("it called `revoked` of its listener for partition " + std::to_string(p.partition) +
                          " of \"" + std::string(text_of(p.source)) + "\", which is not assigned");
        }
        const bool named_twice =
            std::any_of(gone.begin(), gone.end(), [&](const auto& a) { return a.lane == found->lane; });
        if (!named_twice) gone.push_back(*found);
    }
    in_revoked_ = true;
    if (!lost) drain(gone);
    for (const Assignment& assignment : gone) {
        context_.assignments.end(assignment);
        log::info(lost ? "partition lost" : "partition revoked",
                  {{"component", context_.pipeline.config.name},
                   {"topic", assignment.source},
                   {"partition", std::to_string(assignment.partition)}});
    }
    settling_.settle();
    in_revoked_ = false;
}

void PartitionListener::drain(const std::vector<Assignment>& gone) {
    for (const Assignment& assignment : gone) context_.core.revoke(assignment.lane);
    // When the consumer closes at the end, the drain is already over: a message that still runs hangs.
    const bool over = context_.pipeline.aborting.load();
    const delivery::Instant deadline = now() + (over ? delivery::Millis(0) : drain_timeout);
    const auto drained = [&] {
        return std::all_of(gone.begin(), gone.end(),
                           [this](const Assignment& a) { return context_.core.is_drained(a.lane); });
    };
    for (context_.now = now(); context_.now < deadline; context_.now = now()) {
        settling_.take_reports();
        context_.core.tick(context_.now);
        settling_.serve_output_queues();
        settling_.settle();
        if (drained()) break;
        context_.workers.dispatch(context_.core);  // retried outputs, and messages of the other lanes
        context_.pipeline.completions.wait_for(delivery::Millis(20));
    }
    const auto committed = settling_.commit_and_wait(over ? last_commit_timeout : commit_timeout);
    if (!committed) context_.input_failed(committed.error());
}

}  // namespace volley::runtime

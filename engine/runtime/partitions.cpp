// Partition assignment. An assigned partition becomes a lane of the core. A revoked partition is drained and
// committed before it is given up. A lost partition is dropped at once, because another process may already
// have it.
#include <algorithm>
#include <thread>

#include "log/log.hpp"
#include "runtime/intake.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

// How long a revocation waits for running messages. The whole group waits meanwhile. Messages that do not
// finish in time run again elsewhere, so the number of duplicates is bounded.
constexpr delivery::Millis drain_timeout{10'000};
constexpr delivery::Millis commit_timeout{5'000};
constexpr delivery::Millis last_commit_timeout{500};  // at the end, after an earlier commit was waited for

}  // namespace

// Otherwise the listener would run concurrently with the intake, or inside a settlement.
bool Intake::may_announce(const char* event) {
    if (input_.may_announce() && !in_revoked_) return true;
    misuse(std::string("it called `") + event +
           "` of its listener outside of open, consume, poll and close, or inside of another `revoked`");
    return false;
}

// Gives the consumer up: its statements about partitions cannot be trusted, so nothing more is settled or
// committed. Thread: any.
void Intake::misuse(const std::string& what) {
    fail(Error(ErrorCode::fatal, input_.label() + ": " + what));
    if (std::this_thread::get_id() == thread_) return input_.give_up();
    misused_.store(true, std::memory_order_release);
    pipeline_.completions.ring();
}

void Intake::assigned(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride) {
    if (!may_announce("assigned")) return;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Assignment& assignment = assignments_.assign(element(partitions, stride, i));
        log::info("partition assigned", {{"component", pipeline_.config.name},
                                         {"topic", assignment.source},
                                         {"partition", std::to_string(assignment.partition)}});
    }
    flow_.assigned();
}

void Intake::revoked(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                     bool lost) {
    if (!may_announce("revoked")) return;
    std::vector<Assignment> gone;
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_partition& p = element(partitions, stride, i);
        const Assignment* found = assignments_.find(text_of(p.source), p.partition);
        if (found == nullptr) {
            return misuse("it called `revoked` of its listener for partition " + std::to_string(p.partition) +
                          " of \"" + std::string(text_of(p.source)) + "\", which is not assigned");
        }
        const bool named_twice =
            std::any_of(gone.begin(), gone.end(), [&](const auto& a) { return a.lane == found->lane; });
        if (!named_twice) gone.push_back(*found);
    }
    in_revoked_ = true;
    if (!lost) drain_partitions(gone);
    for (const Assignment& assignment : gone) {
        assignments_.end(assignment);
        log::info(lost ? "partition lost" : "partition revoked",
                  {{"component", pipeline_.config.name},
                   {"topic", assignment.source},
                   {"partition", std::to_string(assignment.partition)}});
    }
    settle();
    in_revoked_ = false;
}

void Intake::drain_partitions(const std::vector<Assignment>& gone) {
    for (const Assignment& assignment : gone) core_.revoke(assignment.lane);
    // When the consumer closes at the end, the drain is already over: a message that still runs hangs.
    const bool over = pipeline_.aborting.load();
    const delivery::Instant deadline = now() + (over ? delivery::Millis(0) : drain_timeout);
    const auto drained = [&] {
        return std::all_of(gone.begin(), gone.end(),
                           [this](const Assignment& a) { return core_.is_drained(a.lane); });
    };
    for (now_ = now(); now_ < deadline; now_ = now()) {
        take_reports();
        core_.tick(now_);
        serve_output_queues();
        settle();
        if (drained()) break;
        workers_.dispatch(core_);  // retried outputs, and messages of the other lanes
        pipeline_.completions.wait_for(delivery::Millis(20));
    }
    const auto committed = committer_.commit_and_wait(now_, over ? last_commit_timeout : commit_timeout);
    if (!committed) input_failed(committed.error());
}

}  // namespace volley::runtime

#include "runtime/async_calls.hpp"

#include <algorithm>
#include <utility>

#include "log/log.hpp"
#include "runtime/message_span.hpp"

namespace volley::runtime {

using delivery::Millis;
using delivery::Verdict;
using delivery::WorkItem;

namespace {

std::int64_t ms_of(Nanoseconds time) { return std::chrono::duration_cast<Millis>(time).count(); }

Millis since(Nanoseconds begin) { return std::chrono::duration_cast<Millis>(monotonic() - begin); }

// Of a child process: its own side holds it to its time.
bool has_limit(const Pipeline& pipeline) {
    return pipeline.in_process && pipeline.config.handler_timeout > Millis(0);
}

// Past its deadline a result counts as a timeout. Past the grace, too, the message is overdue: the instance
// is replaced when the others have ended. Until then the handler may read the message, so it is not released.
Nanoseconds allowed(const Pipeline& pipeline) {
    if (!has_limit(pipeline)) return Nanoseconds(0);
    const Millis limit = pipeline.config.handler_timeout;
    return limit + std::min(limit, longest_grace);
}

// Whether the result came too late to count. That it was not started always counts.
bool is_late(const Job& job) { return job.finished_late && job.status != VOLLEY_AGAIN; }

}  // namespace

bool AsyncCalls::takes_more() const {
    return ended_.empty() && pending_.overdue() == 0 && !instance_.is_retiring();
}

bool AsyncCalls::start(const WorkItem* items, const Place* places, std::size_t count) {
    if (!instance_.enter()) return false;
    const Nanoseconds begin = monotonic();
    if (pending_.count() == 0) last_end_ = begin;
    pending_.begin(places, count, pipeline_.config.batch ? static_cast<std::uint32_t>(count) : 1, begin);
    const std::int64_t late_at_ms =
        has_limit(pipeline_) ? ms_of(begin + pipeline_.config.handler_timeout) : 0;
    if (const auto failure = instance_.handle(items, places, count, late_at_ms)) fail_instance(*failure);
    return true;
}

bool AsyncCalls::has_ended() const {
    return !ended_.empty() || poll_failure_ || (instance_.is_entered() && instance_.has_ended());
}

void AsyncCalls::take_ended(std::vector<EndedCall>& out) {
    if (poll_failure_) fail_instance(*std::exchange(poll_failure_, std::nullopt));
    const auto take_failed = [this, &out] {
        out.insert(out.end(), ended_.begin(), ended_.end());
        ended_.clear();
    };
    take_failed();
    if (instance_.is_entered()) take_finished(out);
    take_failed();
}

void AsyncCalls::take_finished(std::vector<EndedCall>& out) {
    // Nothing that an instance with an undefined status says is worth anything: all that it has counts as not
    // started.
    if (const auto failure = instance_.take_ended(finished_)) return fail_instance(*failure);
    for (const Job* const job : finished_) {
        const bool is_in_late_batch = is_late(*job) && pending_[job->place].company > 1;
        out.push_back(is_in_late_batch ? too_late(*job) : EndedCall{job->place, result_of(*job)});
        pending_.end(job->place);
    }
    const Nanoseconds at = monotonic();
    if (!finished_.empty()) {
        const auto each = static_cast<std::uint64_t>((at - last_end_).count()) / finished_.size();
        const auto before = pipeline_.nanoseconds_per_message.load(std::memory_order_relaxed);
        pipeline_.nanoseconds_per_message.store((before * 7 + each) / 8, std::memory_order_relaxed);
        last_end_ = at;
    }
    pending_.find_overdue(allowed(pipeline_), at);
    if (pending_.count() == 0) return instance_.leave();
    if (pending_.overdue() == pending_.count()) retire_late(out);
}

Nanoseconds AsyncCalls::next_deadline() const { return pending_.next_deadline(allowed(pipeline_)); }

// A message that is out of time is charged. Of a batch nobody knows which one took so long: each runs alone.
EndedCall AsyncCalls::too_late(const Job& job) {
    const PendingCall& call = pending_[job.place];
    EndedCall late{job.place, {}};
    if (call.company == 1) {
        job.context->discard_outputs();
        late.result = timed_out(pipeline_, *job.context, since(call.begin));
        return late;
    }
    job.context->outputs.clear();  // its body is needed again
    late.is_undecided = true;
    if (std::exchange(last_late_, call.start) != call.start) {
        log::warning("a batch is out of time; its messages are handled one by one",
                     {{"component", pipeline_.config.name}, {"messages", std::to_string(call.company)}});
    }
    return late;
}

HandlerResult AsyncCalls::result_of(const Job& job) {
    const Nanoseconds begin = pending_[job.place].begin;
    // One at a time, a message waits for those before it: its own time begins when the one before ended.
    const bool is_serial = pipeline_.config.concurrency == 1 && !pipeline_.config.batch;
    const Nanoseconds took = monotonic() - (is_serial ? std::max(begin, last_end_) : begin);
    pipeline_.handle_durations.add(took, 1);
    note_exemplar(pipeline_, *job.context, took);
    // Whether it may be left VOLLEY_AGAIN, the caller knows.
    HandlerResult result =
        is_late(job) ? timed_out(pipeline_, *job.context, since(begin)) : runtime::result_of(job, true);
    result.was_skipped = result.was_skipped && !instance_[job.place].may_skip;
    if (result.verdict != Verdict::ok) job.context->discard_outputs();
    return result;
}

void AsyncCalls::retire_late(std::vector<EndedCall>& out) {
    instance_.end_jobs();
    // Before the instance goes, and its jobs with it.
    for (const Place place : pending_.end_all()) out.push_back(too_late(*instance_[place].job));
    instance_.leave_late();
}

// What it had finished counts, unless it has broken a rule. The rest goes alone, in the order in which it
// came.
void AsyncCalls::fail_instance(const InstanceFailure& failure) {
    failure_ = failure.why.text;
    EndedCall undecided{0, {}};
    undecided.is_undecided = !failure.ends;
    undecided.is_charged = pending_.count() == 1 && !instance_.has_worked();
    instance_.end_jobs();
    std::vector<EndedCall> rest;
    for (const Place place : pending_.end_all()) {
        const Job& job = *instance_[place].job;
        if (job.finished.load(std::memory_order_relaxed) && !failure.breaks_rule && job.is_status_defined()) {
            ended_.push_back({place, result_of(job)});
            continue;
        }
        job.context->outputs.clear();
        undecided.place = place;
        rest.push_back(undecided);
    }
    ended_.insert(ended_.end(), rest.begin(), rest.end());
    instance_.leave_failed(failure);
}

}  // namespace volley::runtime

#include "runtime/handle.hpp"

#include <algorithm>
#include <mutex>

#include "plugins/call_error.hpp"
#include "runtime/call_status.hpp"
#include "runtime/message_span.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

using delivery::Millis;
using delivery::Verdict;

bool has_failed(const HandlerResult& result) {
    return result.verdict != Verdict::ok && result.verdict != Verdict::drop;
}

}  // namespace

HandlerCall::HandlerCall(Pipeline& pipeline, InstanceSlot& slot)
    : pipeline_(pipeline), slot_(slot), waiter_(pipeline) {}

void HandlerCall::handle(const delivery::WorkItem* items, std::size_t count,
                         std::vector<HandlerResult>& out) {
    out.assign(count, HandlerResult{});
    if (count == 1) return handle_alone(items[0], out[0]);
    Instance* const instance = slot_.enter();
    if (instance == nullptr) return;
    const Call called = call(*instance, items, count, out.data());
    if (!called.failed) return called.keeps_late ? slot_.leave_late() : slot_.leave();
    if (called.ends) return slot_.leave_for_good(*called.failed);
    slot_.leave_failed(called.failed->text);
    // Which of them it failed with is not known: each goes alone.
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < count; ++i) {
        if (ends_[i] == End::undecided) left.push_back(i);
    }
    for (const std::size_t i : left) {
        const auto is_before_in_group = [&](std::size_t j) {
            return items[j].group != delivery::no_group && items[j].group == items[i].group &&
                   has_failed(out[j]);
        };
        bool behind_a_failure = false;
        for (std::size_t j = 0; j < i; ++j) behind_a_failure = behind_a_failure || is_before_in_group(j);
        if (!behind_a_failure) handle_alone(items[i], out[i]);
    }
}

// A message with which two instances fail in a row, or one that did nothing before, is charged an attempt.
void HandlerCall::handle_alone(const delivery::WorkItem& item, HandlerResult& out) {
    bool again = false;
    for (;;) {
        out = HandlerResult{};
        Instance* const instance = slot_.enter();
        if (instance == nullptr) return;
        const bool is_charged = again || !instance->worked.load(std::memory_order_relaxed);
        const Call called = call(*instance, &item, 1, &out);
        if (!called.failed) return called.keeps_late ? slot_.leave_late() : slot_.leave();
        if (called.ends) return slot_.leave_for_good(*called.failed);
        const bool decided = ends_.front() != End::undecided;
        slot_.leave_failed(called.failed->text);
        if (decided) return;
        if (is_charged) {
            MessageContext& context = pipeline_.contexts[item.slot];
            out = failed(context, Verdict::retry, VOLLEY_REASON_CRASH, called.failed->text);
            return;
        }
        again = true;
    }
}

HandlerCall::Call HandlerCall::call(Instance& instance, const delivery::WorkItem* items, std::size_t count,
                                    HandlerResult* out) {
    use(instance, count);
    // A child process is held to its time by its own side.
    const Millis limit = pipeline_.in_process ? pipeline_.config.handler_timeout : Millis(0);
    tasks_.resize(count);
    for (std::size_t i = 0; i < count; ++i) prepare_task(pipeline_, items[i], *jobs_[i], tasks_[i]);
    const auto begin = monotonic();
    const auto took = [begin] { return monotonic() - begin; };
    const std::int64_t begin_ms = now().count();
    in_call_since_ms_.store(begin_ms, std::memory_order_relaxed);
    // Handled in turn, each may take so long.
    const Millis limit_of_all = limit * static_cast<std::int64_t>(count);
    waiter_.late_at_ms.store(limit == Millis(0) ? 0 : begin_ms + limit_of_all.count(),
                             std::memory_order_relaxed);
    for (std::size_t i = 0; i < count; ++i) tasks_[i].job = JobTable::begin(*jobs_[i], waiter_);

    Call result;
    {
        const JobTable::Call inside(waiter_);
        auto called = instance.handler->handle(tasks_.data(), static_cast<std::uint32_t>(count));
        if (!called) {
            result.failed = called.error();
            result.ends = needs_a_person(result.failed->code);
        } else if (*called != VOLLEY_OK) {
            break_rule(result, "handle returned " + plugins::describe(*called));
        }
    }
    const bool late = limit > Millis(0) && took() > limit_of_all;
    {
        std::unique_lock lock(instance.jobs.mutex());
        waiter_.awaited = 0;
        for (std::size_t i = 0; i < count; ++i) ends_[i] = end_of(i, late, result.failed.has_value());
        if (limit > Millis(0)) waiter_.late_at_ms.store(begin_ms + limit.count(), std::memory_order_relaxed);
        await(lock, count, limit, begin);
        result.keeps_late = waiter_.awaited > 0;
        look_at_statuses(count, result);
        for (std::size_t i = 0; i < count; ++i) JobTable::end(*jobs_[i]);
    }
    const auto all = took();
    in_call_since_ms_.store(0, std::memory_order_relaxed);
    pipeline_.handle_durations.add(all / count, count);
    if (pipeline_.tracer != nullptr) {
        for (std::size_t i = 0; i < count; ++i) note_exemplar(pipeline_, *jobs_[i]->context, all / count);
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (result.broke_rule)
            out[i] =
                HandlerResult{};  // as if it had not started: what the handler says of it is worth nothing
        else if (ends_[i] == End::late)
            out[i] = timed_out(pipeline_, *jobs_[i]->context, std::chrono::duration_cast<Millis>(all));
        else if (ends_[i] == End::decided)
            out[i] = result_of(*jobs_[i], may_skip(i));
        // The body is needed still: for the next instance, or by this one, until it is destroyed.
        if (ends_[i] == End::undecided || (ends_[i] == End::late && result.keeps_late))
            jobs_[i]->context->outputs.clear();
        else if (out[i].verdict != Verdict::ok)
            jobs_[i]->context->discard_outputs();
    }
    return result;
}

// Jobs stay with their instance.
void HandlerCall::use(Instance& instance, std::size_t count) {
    if (serial_ != instance.serial) {
        serial_ = instance.serial;
        jobs_.clear();
    }
    while (jobs_.size() < count) jobs_.push_back(&instance.jobs.add());
    if (ends_.size() < count) ends_.resize(count);
}

// What the call says of task `i`. Requires: the lock of its jobs.
HandlerCall::End HandlerCall::end_of(std::size_t i, bool late, bool failed) {
    Job& job = *jobs_[i];
    const volley_task& task = tasks_[i];
    if (task.status == VOLLEY_PENDING) {
        if (job.finished.load(std::memory_order_relaxed)) return late ? End::late : End::decided;
        if (failed) return End::undecided;
        job.awaited = true;
        ++waiter_.awaited;
        return End::decided;
    }
    if (failed && (task.status == VOLLEY_OK || task.status == VOLLEY_AGAIN)) return End::undecided;
    job.status = task.status;
    job.retry_after_ms = task.retry_after_ms;
    job.reason = task.reason;
    return late && task.status != VOLLEY_AGAIN ? End::late : End::decided;
}

// A status that the ABI does not define says nothing of its message: neither that it is done nor that it has
// failed. Requires: the lock of its jobs.
void HandlerCall::look_at_statuses(std::size_t count, Call& result) {
    for (std::size_t i = 0; i < count && !result.broke_rule; ++i) {
        if (ends_[i] == End::decided && !jobs_[i]->is_status_defined())
            break_rule(result, "a message ended with " + plugins::describe(jobs_[i]->status));
    }
}

void HandlerCall::break_rule(Call& result, const std::string& what) const {
    result.failed = Error(ErrorCode::fatal, pipeline_.handler_label + ": " + what);
    result.ends = result.broke_rule = true;
}

// Waits for the jobs left pending. Whose time is up first is late, whatever it ends in.
void HandlerCall::await(std::unique_lock<std::mutex>& lock, std::size_t count, Millis limit,
                        Nanoseconds begin) {
    const auto all_finished = [this] { return waiter_.awaited == 0; };
    if (limit == Millis(0)) return waiter_.finished.wait(lock, all_finished);
    // The thread that waits may wake after a job that was finished too late.
    const bool over = waiter_.finished.wait_until(lock, begin + limit, all_finished);
    for (std::size_t i = 0; i < count; ++i) {
        const Job& job = *jobs_[i];
        if (job.awaited && (job.finished_late || !job.finished.load(std::memory_order_relaxed)))
            ends_[i] = End::late;
    }
    if (!over)
        waiter_.finished.wait_until(lock, begin + limit + std::min(limit, longest_grace), all_finished);
}

// May a task be left VOLLEY_AGAIN? Else it would come again without end.
bool HandlerCall::may_skip(std::size_t i) const {
    if (!pipeline_.in_process || pipeline_.is_cut_off()) return true;
    if (jobs_[i]->context->lease_lost.load(std::memory_order_relaxed)) return true;
    for (std::size_t j = 0; j < i && tasks_[i].group != 0; ++j) {
        const std::int32_t status = tasks_[j].status;
        if (tasks_[j].group == tasks_[i].group && status != VOLLEY_OK && status != VOLLEY_DROP) return true;
    }
    return false;
}

}  // namespace volley::runtime

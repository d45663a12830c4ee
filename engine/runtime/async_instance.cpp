#include "runtime/async_instance.hpp"

#include <mutex>
#include <utility>

#include "plugins/call_error.hpp"
#include "runtime/call_status.hpp"
#include "runtime/job_result.hpp"

namespace volley::runtime {

using delivery::WorkItem;

namespace {

InstanceFailure broken_rule(const Pipeline& pipeline, const std::string& what) {
    return {Error(ErrorCode::fatal, pipeline.handler_label + ": " + what), true, true};
}

// Whether a task before task `i` in the call, and in its group, was not successful when the call returned.
bool is_behind_another(const std::vector<volley_task>& tasks, std::size_t i) {
    const volley_task& task = tasks[i];
    for (std::size_t j = 0; j < i && task.group != 0; ++j) {
        const std::int32_t status = tasks[j].status;
        if (tasks[j].group == task.group && status != VOLLEY_OK && status != VOLLEY_DROP) return true;
    }
    return false;
}

}  // namespace

AsyncInstance::AsyncInstance(Pipeline& pipeline, InstanceSlot& slot, std::function<void()> wake)
    : pipeline_(pipeline), slot_(slot), waiter_(pipeline) {
    waiter_.wake = std::move(wake);
}

bool AsyncInstance::enter() {
    if (instance_ != nullptr) return true;
    instance_ = slot_.enter();
    if (instance_ == nullptr) return false;
    if (serial_ != instance_->serial) {
        serial_ = instance_->serial;
        for (HeldJob& held : held_) held.job = nullptr;  // the table of another instance has it
    }
    return true;
}

void AsyncInstance::begin(const WorkItem& item, Place place, std::int64_t late_at_ms, volley_task& task) {
    if (held_.size() <= place) held_.resize(place + 1U);
    HeldJob& held = held_[place];
    if (held.job == nullptr) held.job = &instance_->jobs.add();
    held.may_skip = false;
    held.job->place = place;
    prepare_task(pipeline_, item, *held.job, task);
    task.job = JobTable::begin(*held.job, waiter_);
    held.job->late_at_ms.store(late_at_ms, std::memory_order_relaxed);
}

std::optional<InstanceFailure> AsyncInstance::handle(const WorkItem* items, const Place* places,
                                                     std::size_t count, std::int64_t late_at_ms) {
    tasks_.resize(count);
    for (std::size_t i = 0; i < count; ++i) begin(items[i], places[i], late_at_ms, tasks_[i]);
    Result<std::int32_t> called = VOLLEY_OK;
    {
        const JobTable::Call inside(waiter_);
        called = instance_->handler->handle(tasks_.data(), static_cast<std::uint32_t>(count));
    }
    take_statuses(places, count, !called);
    if (!called) return InstanceFailure{called.error(), needs_a_person(called.error().code), false};
    if (*called != VOLLEY_OK) return broken_rule(pipeline_, "handle returned " + plugins::describe(*called));
    return std::nullopt;
}

// Those that the call itself has ended. If the instance failed, a success that it reported is worth nothing.
void AsyncInstance::take_statuses(const Place* places, std::size_t count, bool failed) {
    const std::lock_guard lock(instance_->jobs.mutex());
    for (std::size_t i = 0; i < count; ++i) {
        const volley_task& task = tasks_[i];
        Job& job = *held_[places[i]].job;
        if (task.status == VOLLEY_PENDING || job.finished.load(std::memory_order_relaxed)) continue;
        if (failed && (task.status == VOLLEY_OK || task.status == VOLLEY_AGAIN)) continue;
        job.finished.store(true, std::memory_order_relaxed);
        job.finished_late = job.is_late() && task.status != VOLLEY_AGAIN;
        held_[places[i]].may_skip = task.status == VOLLEY_AGAIN && is_behind_another(tasks_, i);
        job.status = task.status;
        job.retry_after_ms = task.retry_after_ms;
        job.reason = task.reason;
        waiter_.done.push_back(&job);
    }
}

bool AsyncInstance::has_poll() const { return !pipeline_.shared_handler && instance_->handler->has_poll(); }

std::optional<InstanceFailure> AsyncInstance::poll(delivery::Millis wait) {
    Result<std::int32_t> polled = VOLLEY_OK;
    {
        const JobTable::Call inside(waiter_);
        polled = instance_->handler->poll(static_cast<std::uint32_t>(wait.count()));
    }
    if (!polled) return InstanceFailure{polled.error(), needs_a_person(polled.error().code), false};
    if (*polled != VOLLEY_OK) return broken_rule(pipeline_, "poll returned " + plugins::describe(*polled));
    return std::nullopt;
}

bool AsyncInstance::has_ended() const {
    const std::lock_guard lock(instance_->jobs.mutex());
    return !waiter_.done.empty();
}

std::optional<InstanceFailure> AsyncInstance::take_ended(std::vector<Job*>& out) {
    out.clear();
    const Job* undefined = nullptr;
    {
        const std::lock_guard lock(instance_->jobs.mutex());
        out.swap(waiter_.done);
        for (Job* const job : out) {
            JobTable::end(*job);
            if (!job->is_status_defined()) undefined = job;
        }
    }
    if (undefined != nullptr)
        return broken_rule(pipeline_, "a message ended with " + plugins::describe(undefined->status));
    if (!out.empty()) instance_->worked.store(true, std::memory_order_relaxed);
    return std::nullopt;
}

void AsyncInstance::end_jobs() {
    const std::lock_guard lock(instance_->jobs.mutex());
    for (const HeldJob& held : held_)
        if (held.job != nullptr) JobTable::end(*held.job);
    waiter_.done.clear();
}

// Another worker that finds fault with a shared instance waits until nobody is inside.
void AsyncInstance::leave() {
    instance_ = nullptr;
    slot_.leave();
}

void AsyncInstance::leave_late() {
    instance_ = nullptr;
    slot_.leave_late();
}

void AsyncInstance::leave_failed(const InstanceFailure& failure) {
    instance_ = nullptr;
    if (failure.ends)
        slot_.leave_for_good(failure.why);
    else
        slot_.leave_failed(failure.why.text);
}

}  // namespace volley::runtime

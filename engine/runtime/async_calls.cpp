#include "runtime/async_calls.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "log/log.hpp"
#include "plugins/call_error.hpp"
#include "runtime/call_status.hpp"

namespace volley::runtime {

using delivery::Millis;
using delivery::Verdict;
using delivery::WorkItem;

namespace {

std::int64_t ms_of(Nanoseconds time) { return std::chrono::duration_cast<Millis>(time).count(); }

}  // namespace

AsyncCalls::AsyncCalls(Pipeline& pipeline, InstanceSlot& slot, std::function<void()> wake)
    : pipeline_(pipeline), slot_(slot), waiter_(pipeline) {
    waiter_.wake = std::move(wake);
}

bool AsyncCalls::takes_more() const {
    return ended_.empty() && overdue_ == 0 && (instance_ == nullptr || !slot_.is_retiring());
}

bool AsyncCalls::enter() {
    if (instance_ != nullptr) return true;
    instance_ = slot_.enter();
    if (instance_ == nullptr) return false;
    if (serial_ != instance_->serial) {
        serial_ = instance_->serial;
        for (Call& call : calls_) call.job = nullptr;  // the table of another instance has it
    }
    return true;
}

void AsyncCalls::use(Place place) {
    if (calls_.size() <= place) calls_.resize(place + 1U);
    Call& call = calls_[place];
    if (call.job == nullptr) call.job = &instance_->jobs.add();
    call.job->place = place;
}

bool AsyncCalls::start(const WorkItem* items, const Place* places, std::size_t count) {
    if (!enter()) return false;
    tasks_.resize(count);
    ++starts_;
    const Nanoseconds begin = monotonic();
    // A child process is held to its time by its own side.
    const Millis limit = pipeline_.in_process ? pipeline_.config.handler_timeout : Millis(0);
    for (std::size_t i = 0; i < count; ++i) {
        use(places[i]);
        Call& call = calls_[places[i]];
        call.begin = begin;
        call.is_pending = true;
        call.is_overdue = false;
        call.may_skip = false;
        call.number = ++last_number_;
        call.start = starts_;
        call.company = pipeline_.config.batch ? static_cast<std::uint32_t>(count) : 1;
        prepare_task(pipeline_, items[i], *call.job, tasks_[i]);
        tasks_[i].job = JobTable::begin(*call.job, waiter_);
        call.job->late_at_ms.store(limit == Millis(0) ? 0 : ms_of(begin + limit), std::memory_order_relaxed);
        started_.push_back({places[i], call.number});
    }
    if (pending_ == 0) {
        last_end_ = begin;
        pending_since_ms_.store(ms_of(begin), std::memory_order_relaxed);
    }
    pending_ += static_cast<std::uint32_t>(count);
    Result<std::int32_t> called = VOLLEY_OK;
    {
        const JobTable::Call inside(waiter_);
        called = instance_->handler->handle(tasks_.data(), static_cast<std::uint32_t>(count));
    }
    take_statuses(places, count, !called);
    if (!called)
        fail_instance(called.error(), needs_a_person(called.error().code), false);
    else if (*called != VOLLEY_OK)
        fail_instance(Error(ErrorCode::fatal,
                            pipeline_.handler_label + ": handle returned " + plugins::describe(*called)),
                      true, true);
    return true;
}

// Those that the call itself has ended. If the instance failed, a success that it reported is worth nothing.
void AsyncCalls::take_statuses(const Place* places, std::size_t count, bool failed) {
    const std::lock_guard lock(instance_->jobs.mutex());
    for (std::size_t i = 0; i < count; ++i) {
        const volley_task& task = tasks_[i];
        Job& job = *calls_[places[i]].job;
        if (task.status == VOLLEY_PENDING || job.finished.load(std::memory_order_relaxed)) continue;
        if (failed && (task.status == VOLLEY_OK || task.status == VOLLEY_AGAIN)) continue;
        job.finished.store(true, std::memory_order_relaxed);
        job.finished_late = job.is_late() && task.status != VOLLEY_AGAIN;
        calls_[places[i]].may_skip = task.status == VOLLEY_AGAIN && is_behind_another(i);
        job.status = task.status;
        job.retry_after_ms = task.retry_after_ms;
        job.reason = task.reason;
        waiter_.done.push_back(&job);
    }
}

// Whether a task before task `i` in the call, and in its group, was not successful when the call returned.
bool AsyncCalls::is_behind_another(std::size_t i) const {
    const volley_task& task = tasks_[i];
    for (std::size_t j = 0; j < i && task.group != 0; ++j) {
        const std::int32_t status = tasks_[j].status;
        if (tasks_[j].group == task.group && status != VOLLEY_OK && status != VOLLEY_DROP) return true;
    }
    return false;
}

void AsyncCalls::poll(Millis wait) {
    Result<std::int32_t> polled = VOLLEY_OK;
    {
        const JobTable::Call inside(waiter_);
        polled = instance_->handler->poll(static_cast<std::uint32_t>(wait.count()));
    }
    poll_broke_rule_ = polled && *polled != VOLLEY_OK;
    if (!polled)
        poll_failure_ = polled.error();
    else if (poll_broke_rule_)
        poll_failure_ = Error(ErrorCode::fatal,
                              pipeline_.handler_label + ": poll returned " + plugins::describe(*polled));
}

bool AsyncCalls::has_ended() const {
    if (!ended_.empty() || poll_failure_) return true;
    if (instance_ == nullptr) return false;
    const std::lock_guard lock(instance_->jobs.mutex());
    return !waiter_.done.empty();
}

void AsyncCalls::take_ended(std::vector<EndedCall>& out) {
    if (poll_failure_) {
        const Error why = *std::exchange(poll_failure_, std::nullopt);
        fail_instance(why, poll_broke_rule_ || needs_a_person(why.code), poll_broke_rule_);
    }
    out.insert(out.end(), ended_.begin(), ended_.end());
    ended_.clear();
    if (instance_ == nullptr) return;
    const Job* undefined = nullptr;
    {
        const std::lock_guard lock(instance_->jobs.mutex());
        done_.swap(waiter_.done);
        for (Job* const job : done_) {
            JobTable::end(*job);
            if (!job->is_status_defined()) undefined = job;
        }
    }
    if (undefined != nullptr) {
        // Nothing that it says is worth anything: all that it has counts as not started.
        const std::string what = "a message ended with " + plugins::describe(undefined->status);
        done_.clear();
        fail_instance(Error(ErrorCode::fatal, pipeline_.handler_label + ": " + what), true, true);
        out.insert(out.end(), ended_.begin(), ended_.end());
        ended_.clear();
        return;
    }
    const std::size_t ended = done_.size();
    for (Job* const job : done_) {
        Call& call = calls_[job->place];
        out.push_back(end_of(call));
        end_call(call);
    }
    done_.clear();
    if (ended > 0) instance_->worked.store(true, std::memory_order_relaxed);
    const Nanoseconds at = monotonic();
    if (ended > 0) {
        const auto each = static_cast<std::uint64_t>((at - last_end_).count()) / ended;
        const auto before = pipeline_.nanoseconds_per_message.load(std::memory_order_relaxed);
        pipeline_.nanoseconds_per_message.store((before * 7 + each) / 8, std::memory_order_relaxed);
        last_end_ = at;
    }
    find_overdue();
    if (overdue_ > 0 && overdue_ == pending_) {
        retire_late();
        out.insert(out.end(), ended_.begin(), ended_.end());
        ended_.clear();
    }
    leave_if_idle();
}

EndedCall AsyncCalls::end_of(Call& call) {
    const Job& job = *call.job;
    if (job.finished_late && job.status != VOLLEY_AGAIN && call.company > 1) return too_late(job.place, call);
    return {job.place, result_of(call)};
}

// A message that is out of time is charged. Of a batch nobody knows which one took so long: each runs alone.
EndedCall AsyncCalls::too_late(Place place, Call& call) {
    MessageContext& context = *call.job->context;
    EndedCall late{place, {}};
    late.is_undecided = call.company > 1;
    if (late.is_undecided) context.outputs.clear();  // its body is needed again
    if (!late.is_undecided) {
        context.discard_outputs();
        late.result =
            timed_out(pipeline_, context, std::chrono::duration_cast<Millis>(monotonic() - call.begin));
    } else if (std::exchange(last_late_, call.start) != call.start) {
        log::warning("a batch is out of time; its messages are handled one by one",
                     {{"component", pipeline_.config.name}, {"messages", std::to_string(call.company)}});
    }
    return late;
}

HandlerResult AsyncCalls::result_of(Call& call) {
    Job& job = *call.job;
    measure(call);
    // Whether it may be left VOLLEY_AGAIN, the caller knows.
    HandlerResult result =
        job.finished_late && job.status != VOLLEY_AGAIN
            ? timed_out(pipeline_, *job.context, std::chrono::duration_cast<Millis>(monotonic() - call.begin))
            : runtime::result_of(job, true);
    result.was_skipped = result.was_skipped && !call.may_skip;
    if (result.verdict != Verdict::ok) job.context->discard_outputs();
    return result;
}

// One at a time, a message waits for those before it: its own time begins when the one before ended.
void AsyncCalls::measure(const Call& call) {
    const bool is_serial = pipeline_.config.concurrency == 1 && !pipeline_.config.batch;
    const Nanoseconds begin = is_serial ? std::max(call.begin, last_end_) : call.begin;
    pipeline_.handle_durations.add(monotonic() - begin, 1);
}

void AsyncCalls::end_call(Call& call) {
    call.is_pending = false;
    if (call.is_overdue) --overdue_;
    --pending_;
}

// Past the deadline a result counts as a timeout, and past the grace the instance is replaced, when the
// others have ended. Until then the handler may read the message, so it is not released.
void AsyncCalls::find_overdue() {
    forget_started();
    pending_since_ms_.store(started_.empty() ? 0 : ms_of(calls_[started_.front().place].begin),
                            std::memory_order_relaxed);
    if (!pipeline_.in_process || started_.empty()) return;
    const Millis limit = pipeline_.config.handler_timeout;
    const Nanoseconds latest = monotonic() - limit - std::min(limit, longest_grace);
    for (const Started& started : started_) {
        Call& call = calls_[started.place];
        if (call.begin > latest) break;
        if (call.number != started.number || !call.is_pending || call.is_overdue) continue;
        call.is_overdue = true;
        ++overdue_;
    }
}

// Those that have ended leave the front, and from time to time the middle: one may take long.
void AsyncCalls::forget_started() {
    const auto is_over = [this](const Started& started) {
        const Call& call = calls_[started.place];
        return call.number != started.number || !call.is_pending || call.is_overdue;
    };
    while (!started_.empty() && is_over(started_.front())) started_.pop_front();
    constexpr std::size_t few = 64;
    if (started_.size() > 2 * std::size_t{pending_} + few)
        started_.erase(std::remove_if(started_.begin(), started_.end(), is_over), started_.end());
}

Nanoseconds AsyncCalls::next_deadline() const {
    constexpr Nanoseconds never = Nanoseconds::max();
    if (!pipeline_.in_process || started_.empty()) return never;
    const Millis limit = pipeline_.config.handler_timeout;
    return calls_[started_.front().place].begin + limit + std::min(limit, longest_grace);
}

void AsyncCalls::retire_late() {
    {
        const std::lock_guard lock(instance_->jobs.mutex());
        for (Call& call : calls_)
            if (call.is_pending) JobTable::end(*call.job);
        waiter_.done.clear();
    }
    // Before the instance goes, and its jobs with it.
    for (Place place = 0; place < calls_.size(); ++place) {
        Call& call = calls_[place];
        if (!call.is_pending) continue;
        ended_.push_back(too_late(place, call));
        end_call(call);
    }
    started_.clear();
    pending_since_ms_.store(0, std::memory_order_relaxed);
    instance_ = nullptr;
    slot_.leave_late();
}

// The instance is done for. `ends`: so is the component. `broke_rule`: nothing that it said counts.
void AsyncCalls::fail_instance(const Error& why, bool ends, bool broke_rule) {
    failure_ = why.text;
    const bool worked = instance_->worked.load(std::memory_order_relaxed);
    const bool was_alone = pending_ == 1;
    {
        const std::lock_guard lock(instance_->jobs.mutex());
        for (Call& call : calls_)
            if (call.is_pending) JobTable::end(*call.job);
        waiter_.done.clear();
    }
    std::vector<Place> undecided;
    for (Place place = 0; place < calls_.size(); ++place) {
        Call& call = calls_[place];
        if (!call.is_pending) continue;
        const bool finished = call.job->finished.load(std::memory_order_relaxed);
        if (finished && !broke_rule && call.job->is_status_defined()) {
            ended_.push_back({place, result_of(call)});
        } else {
            call.job->context->outputs.clear();
            undecided.push_back(place);
        }
        end_call(call);
    }
    // Each goes alone, in the order in which they came.
    std::sort(undecided.begin(), undecided.end(),
              [this](Place a, Place b) { return calls_[a].number < calls_[b].number; });
    started_.clear();
    pending_since_ms_.store(0, std::memory_order_relaxed);
    instance_ = nullptr;
    if (ends)
        slot_.leave_for_good(why);
    else
        slot_.leave_failed(why.text);
    for (const Place place : undecided) {
        EndedCall ended{place, {}};
        ended.is_undecided = !ends;
        ended.is_charged = was_alone && !worked;
        ended_.push_back(ended);
    }
}

// Another worker that finds fault with a shared instance waits until nobody is inside.
void AsyncCalls::leave_if_idle() {
    if (pending_ > 0 || instance_ == nullptr) return;
    slot_.leave();
    instance_ = nullptr;
    started_.clear();
}

}  // namespace volley::runtime

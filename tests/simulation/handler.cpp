// The simulation's handler: a class of the plugin. It does to each message what the world says, and checks
// that no message overtakes or overlaps one of its group.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "consumer.hpp"

namespace simulation {

namespace {

using volley::OnFail;

class Handler {
public:
    Handler(Process& process, const volley_jobs* jobs)
        : process_(process), world_(process.world), jobs_(jobs) {}

    std::int32_t open(volley_error* error) {
        world_.fibers.yield();
        if (!process_.crashed && world_.injects_failure(0.3))
            return volley_fail(error, VOLLEY_E_RETRY, "not yet");
        return VOLLEY_OK;
    }
    std::int32_t handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride, volley_error* error);
    std::int32_t poll(std::uint32_t timeout_ms, volley_error* error);
    void interrupt() { is_interrupted_ = true; }
    // An engine that ends an instance because of a broken rule gives what it had to others.
    ~Handler() {
        if (world_.hostility.is_done) undo_pending();
    }

private:
    std::int32_t handle_one(volley_task& task);
    void undo(const volley_task& task);
    void undo_pending();
    bool breaks(Breach breach) { return !process_.crashed && world_.hostility.now(breach); }
    bool is_behind(const volley_task* tasks, std::uint32_t stride, std::uint32_t i) const;
    bool is_behind_a_pending(const volley_task& task) const;

    Process& process_;
    World& world_;
    const volley_jobs* jobs_;
    volley_job* old_job_ = nullptr;  // of a call that has returned
    int old_calls_ = 0;              // since then
    bool is_interrupted_ = false;
};

// Why a message must not start before another one of its group that came earlier; null: it may.
const char* reason_to_wait(const World& world, const Delivery& before) {
    if (before.lost || before.again) return nullptr;
    const Message& m = world.messages[static_cast<std::size_t>(before.message)];
    switch (before.stage) {
        case Stage::in_handler:
            return "overlaps";
        case Stage::waiting:
        case Stage::failed:
            return "overtakes";
        case Stage::given_up:
            return world.scenario.has_dead_letters && m.dead == 0 ? "overtakes the dead letter of" : nullptr;
        case Stage::dropped:
            return nullptr;
        case Stage::handled:
            break;
    }
    if (world.scenario.transactions || world.scenario.ordered_outputs) return nullptr;
    const bool all = static_cast<int>(before.confirmed.size()) == m.outputs;
    return all || m.dead > 0 || m.dropped ? nullptr : "overtakes the outputs of";
}

void check_start(Process& process, const volley_message& message, std::uint32_t attempt, const Delivery& d) {
    World& world = process.world;
    if (text_of(message.body) != d.body) world.fault("a handler gets another body than was delivered");
    if (d.stage == Stage::in_handler) world.fault("two handlers have one message");
    // A wish of an attempt that does not count is none: a message before it in its group failed after all,
    // with its outputs.
    if (world.fibers.now_ms() < d.not_before_ms && attempt > d.wished_attempt && process.draining == 0 &&
        !process.reloads && !world.scenario.may_stop())
        world.fault("message " + std::to_string(d.message) + " is tried before its handler wished: " +
                    std::to_string(d.not_before_ms - world.fibers.now_ms()) + " ms, lost " +
                    std::to_string(d.lost) + " attempt " + std::to_string(attempt));
    const auto group = process.groups.find(d.group);
    if (group == process.groups.end()) return;
    for (const std::uint64_t handle : group->second) {
        if (handle == message.handle) return;
        const Delivery* const before = process.find(handle);
        if (before == nullptr) continue;
        if (const char* how = reason_to_wait(world, *before)) {
            world.fault("message " + std::to_string(d.message) + " " + how + " " +
                        std::to_string(before->message) + ", an earlier one of its group");
        }
    }
}

void begin_handling(Process& process, const volley_message& message, std::uint32_t attempt, Delivery& d) {
    check_start(process, message, attempt, d);
    d.stage = Stage::in_handler;
    if (d.first_tried_ms < 0) d.first_tried_ms = process.world.fibers.now_ms();
    process.world.trace(d.message, "it is in the handler");
}

// Is a task of the same group before it in the call that did not succeed, or is not over?
bool Handler::is_behind(const volley_task* tasks, std::uint32_t stride, std::uint32_t i) const {
    const volley_task& task = element(tasks, stride, i);
    for (std::uint32_t j = 0; j < i && task.group != 0; ++j) {
        const volley_task& before = element(tasks, stride, j);
        if (before.group == task.group && before.status != VOLLEY_OK && before.status != VOLLEY_DROP)
            return true;
    }
    return false;
}

// The instance fails: what it ended well so far is tried again, on a new one. The message may be charged an
// attempt for it.
void Handler::undo(const volley_task& task) {
    const bool was_pending = std::erase_if(process_.jobs, [&](const PendingJob& job) {
                                 return job.handle == task.message->handle;
                             }) > 0;
    if (task.status == VOLLEY_PENDING && !was_pending) return;  // finished already
    Delivery* const d = process_.find(task.message->handle);
    if (d == nullptr || task.status < VOLLEY_OK || task.status == VOLLEY_DROP) return;
    const auto& c = world_.scenario.component;
    const bool last = task.attempt >= c.retry.max_attempts;
    d->stage = last ? Stage::given_up : Stage::waiting;
    if (last && c.on_fail == OnFail::drop)
        world_.messages[static_cast<std::size_t>(d->message)].dropped = true;
    world_.trace(d->message, "its handler's instance fails");
}

// The same for what it has from earlier calls.
void Handler::undo_pending() {
    for (std::size_t i = process_.jobs.size(); i-- > 0;) {
        const PendingJob job = process_.jobs[i];
        if (job.jobs != jobs_) continue;
        volley_task task{};
        task.message = job.message;
        task.attempt = job.attempt;
        task.status = VOLLEY_PENDING;
        undo(task);
    }
}

bool Handler::is_behind_a_pending(const volley_task& task) const {
    return task.group != 0 && std::any_of(process_.jobs.begin(), process_.jobs.end(), [&](const auto& job) {
               return job.jobs == jobs_ && job.group == task.group;
           });
}

std::int32_t Handler::handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                             volley_error* error) {
    const auto& batch = world_.scenario.component.batch;
    if (batch && count > batch->max_messages && !process_.reloads)
        world_.fault("a batch has too many messages");
    if (breaks(Breach::handle_throws) || breaks(Breach::handle_unknown_status)) {
        for (std::uint32_t i = 0; i < count; ++i) undo(element(tasks, stride, i));
        undo_pending();
        if (world_.hostility.breach == Breach::handle_throws) throw std::runtime_error("handle throws");
        return unknown_status;
    }
    const auto no_job = reinterpret_cast<volley_job*>(std::uint64_t{0x123456789});
    if (breaks(Breach::finishes_no_job)) jobs_->finish(jobs_->context, no_job, VOLLEY_OK, 0);
    if (breaks(Breach::emits_for_no_job)) {
        volley_record record{};
        volley_error lost{};
        lost.struct_size = sizeof lost;
        if (jobs_->emit(jobs_->context, no_job, {}, &record, sizeof record, &lost) != VOLLEY_E_LOST)
            world_.fault("an output of no job is taken");
    }
    if (old_job_ != nullptr && old_calls_++ > 3 && breaks(Breach::finishes_late))
        jobs_->finish(jobs_->context, old_job_, VOLLEY_OK, 0);
    const std::uint32_t fails_at = world_.injects_failure(0.1) && !process_.crashed
                                       ? static_cast<std::uint32_t>(below(world_.random, count))
                                       : count;
    for (std::uint32_t i = 0; i < count; ++i) {
        world_.fibers.yield();
        volley_task& task = element(tasks, stride, i);
        if (process_.crashed) continue;
        if (i == fails_at) {
            for (std::uint32_t j = 0; j < count; ++j) undo(element(tasks, stride, j));
            undo_pending();
            return volley_fail(error, VOLLEY_E_RETRY, "the instance fails");
        }
        if (world_.scenario.polls && is_behind_a_pending(task)) {
            process_.jobs.push_back(
                {jobs_, task.job, task.message->handle, task.attempt, task.message, task.group, false, true});
            task.status = VOLLEY_PENDING;
        } else if (is_behind(tasks, stride, i)) {
            task.status = VOLLEY_AGAIN;
            if (const Delivery* const d = process_.find(task.message->handle))
                world_.trace(d->message, "the handler does not start it, behind a failure");
        } else {
            task.status = handle_one(task);
        }
    }
    if (old_job_ == nullptr && tasks->status == VOLLEY_OK) old_job_ = tasks->job;
    return VOLLEY_OK;
}

// What became of a message, once its time in the handler is over.
struct End {
    std::int32_t status;
    std::uint64_t retry_after_ms;
};

End end_of(Process& process, Delivery& d, std::uint32_t attempt) {
    World& world = process.world;
    const auto& c = world.scenario.component;
    Message& m = world.messages[static_cast<std::size_t>(d.message)];
    const bool outage = world.is_outage();
    d.failed_in_outage = outage;
    if (!outage && !m.poison && m.failures_left == 0) {
        if (m.unwanted) {
            m.dropped = true;
            d.stage = Stage::dropped;
            world.trace(d.message, "the handler drops it");
            return {VOLLEY_DROP, 0};
        }
        d.stage = Stage::handled;
        d.confirmed.clear();
        world.trace(d.message, "the handler succeeds, attempt " + std::to_string(attempt));
        return {VOLLEY_OK, 0};
    }
    if (!outage && !m.poison) --m.failures_left;
    const bool for_good = !outage && m.permanent;
    const bool last = for_good || attempt >= c.retry.max_attempts;
    if (last && c.on_fail == OnFail::drop) m.dropped = true;
    d.stage = last ? Stage::given_up : Stage::failed;
    const std::string which = for_good ? std::string("for good") : "attempt " + std::to_string(attempt);
    world.trace(d.message, "the handler fails it, " + which);
    if (for_good) return {VOLLEY_E_PERMANENT, 0};
    const std::uint64_t wish = chance(world.random, 0.2) ? 1 + below(world.random, 500) : 0;
    d.not_before_ms = world.fibers.now_ms() + static_cast<std::int64_t>(wish);
    d.wished_attempt = attempt;
    return {VOLLEY_E_RETRY, wish};
}

void emit_outputs(Process& process, const volley_jobs* jobs, volley_job* job, const Delivery& d) {
    World& world = process.world;
    const Message& m = world.messages[static_cast<std::size_t>(d.message)];
    for (int output = 0; output < m.outputs; ++output) {
        const std::string body = "{\"n\":" + std::to_string(d.message) + ",\"o\":" + std::to_string(output) +
                                 ",\"p\":\"" + std::string(m.output_bytes, 'y') + "\"}";
        const std::string queue = "out" + std::to_string(output % world.scenario.queues);
        volley_record record{};
        record.partition = -1;
        record.body = view_of(body);
        volley_error error{};
        error.struct_size = sizeof error;
        const std::int32_t status =
            jobs->emit(jobs->context, job, view_of(queue), &record, sizeof record, &error);
        // A broken contract ends the jobs of the whole instance.
        if (status != VOLLEY_OK && !world.hostility.is_done)
            world.fault(std::string("an output is not taken: ") + error.text);
    }
}

std::int32_t Handler::handle_one(volley_task& task) {
    Delivery* d = process_.find(task.message->handle);
    if (d == nullptr) {
        world_.fault("a handler gets a message that is settled");
        return VOLLEY_OK;
    }
    begin_handling(process_, *task.message, task.attempt, *d);
    for (std::uint64_t n = below(world_.random, 3); n > 0; --n) world_.fibers.yield();
    if (process_.crashed) return VOLLEY_OK;
    if ((world_.scenario.pends || world_.scenario.polls) && chance(world_.random, 0.5)) {
        process_.jobs.push_back({jobs_, task.job, task.message->handle, task.attempt, task.message,
                                 task.group, true, world_.scenario.polls});
        return VOLLEY_PENDING;
    }
    d = process_.find(task.message->handle);
    if (breaks(Breach::task_unknown_status)) {
        d->stage = Stage::given_up;
        if (world_.scenario.component.on_fail == OnFail::drop)
            world_.messages[static_cast<std::size_t>(d->message)].dropped = true;
        return unknown_status;
    }
    const End end = end_of(process_, *d, task.attempt);
    if (end.status == VOLLEY_OK) emit_outputs(process_, jobs_, task.job, *d);
    task.retry_after_ms = end.retry_after_ms;
    return end.status;
}

// Ends one of those that it has, at some moment.
std::int32_t Handler::poll(std::uint32_t timeout_ms, volley_error* error) {
    const std::int64_t until = world_.fibers.now_ms() + timeout_ms;
    world_.fibers.yield();
    while (!is_interrupted_ && !process_.crashed && world_.fibers.now_ms() < until) {
        world_.fibers.yield();
        if (world_.injects_failure(0.01)) {
            undo_pending();
            return volley_fail(error, VOLLEY_E_RETRY, "the instance fails");
        }
        if (!chance(world_.random, 0.2)) continue;
        const auto mine = std::find_if(process_.jobs.begin(), process_.jobs.end(),
                                       [this](const PendingJob& job) { return job.jobs == jobs_; });
        if (mine == process_.jobs.end()) continue;
        const auto first = static_cast<std::size_t>(mine - process_.jobs.begin());
        std::size_t index = first + below(world_.random, process_.jobs.size() - first);
        if (process_.jobs[index].jobs != jobs_) index = first;
        process_.finish_job(index);
        break;
    }
    is_interrupted_ = false;
    return VOLLEY_OK;
}

Handler* self(volley_handler* h) { return reinterpret_cast<Handler*>(h); }

}  // namespace

void Process::finish_job(std::size_t index) {
    const auto of_its_group = [chosen = jobs[index]](const PendingJob& job) {
        return job.jobs == chosen.jobs && job.group == chosen.group;
    };
    if (jobs[index].group != 0 && jobs[index].is_polled)
        index = static_cast<std::size_t>(std::find_if(jobs.begin(), jobs.end(), of_its_group) - jobs.begin());
    const PendingJob job = jobs[index];
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(index));
    const auto finish = [](const PendingJob& ended, std::int32_t status, std::uint64_t retry_after_ms) {
        ended.jobs->finish(ended.jobs->context, ended.job, status, retry_after_ms);
    };
    if (crashed) return finish(job, VOLLEY_OK, 0);
    Delivery* const d = find(job.handle);
    if (d == nullptr)
        return world.fault("a message is settled while its handler has it, handle " +
                           std::to_string(job.handle));
    if (!job.is_started) begin_handling(*this, *job.message, job.attempt, *d);
    const End end = end_of(*this, *d, job.attempt);
    if (end.status == VOLLEY_OK) emit_outputs(*this, job.jobs, job.job, *d);
    finish(job, end.status, end.retry_after_ms);
    if (world.hostility.now(Breach::finishes_twice)) finish(job, VOLLEY_E_PERMANENT, 0);
    if (!job.is_polled || job.group == 0 || end.status == VOLLEY_OK || end.status == VOLLEY_DROP) return;
    for (std::size_t i = 0; i < jobs.size();) {
        if (!of_its_group(jobs[i])) {
            ++i;
            continue;
        }
        const PendingJob behind = jobs[i];
        jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
        finish(behind, VOLLEY_AGAIN, 0);
    }
}

namespace {

volley_handler_class make_handler_functions() {
    volley_handler_class t{};
    t.struct_size = sizeof t;
    t.create = [](const volley_host*, const volley_options*, const volley_jobs* jobs, volley_handler** out,
                  volley_error*) {
        *out = reinterpret_cast<volley_handler*>(new Handler(*current_process, jobs));
        return std::int32_t{VOLLEY_OK};
    };
    t.open = [](volley_handler* h, volley_error* error) { return self(h)->open(error); };
    t.handle = [](volley_handler* h, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                  volley_error* error) { return self(h)->handle(tasks, count, stride, error); };
    t.destroy = [](volley_handler* h) { delete self(h); };
    return t;
}

}  // namespace

const volley_handler_class* handler_functions() {
    static const volley_handler_class table = make_handler_functions();
    return &table;
}

const volley_handler_class* polled_handler_functions() {
    static const volley_handler_class table = [] {
        volley_handler_class t = make_handler_functions();
        t.poll = [](volley_handler* h, std::uint32_t timeout_ms, volley_error* error) {
            return self(h)->poll(timeout_ms, error);
        };
        t.interrupt = [](volley_handler* h) { self(h)->interrupt(); };
        return t;
    }();
    return &table;
}

}  // namespace simulation

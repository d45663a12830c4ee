#include "runtime/handle.hpp"

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/encode.hpp"

namespace volley::runtime {

Result<plugins::HandlerInstance> HandlerCall::create() {
    plugins::Services services;
    services.queue = pipeline_.config.name;
    services.component = pipeline_.config.name;
    services.app = pipeline_.app;
    services.wake = [] {};
    services.health = [this](std::uint32_t state, std::string text) {
        const std::lock_guard lock(health_mutex_);
        down_ = state == VOLLEY_DOWN ? std::move(text) : std::string();
        is_down_.store(state == VOLLEY_DOWN, std::memory_order_release);
    };
    if (pipeline_.handler) {
        return plugins::HandlerInstance::create(*pipeline_.handler, std::move(services),
                                                pipeline_.handler_config, pipeline_.base_dir, &jobs_table_);
    }
    return plugins::HandlerInstance::create(pipeline_.built_in_handler, std::move(services),
                                            pipeline_.handler_config, pipeline_.base_dir, &jobs_table_);
}

Result<void> HandlerCall::open() {
    if (pipeline_.is_forward()) return {};
    jobs_table_.struct_size = sizeof jobs_table_;
    jobs_table_.context = this;
    jobs_table_.emit = &HandlerCall::emit;
    jobs_table_.explain = &HandlerCall::explain;
    jobs_table_.finish = &HandlerCall::finish;
    jobs_table_.cancelled = &HandlerCall::cancelled;
    auto created = create();
    if (!created) return created.error();
    handler_.emplace(std::move(*created));
    return handler_->open();
}

void HandlerCall::close(std::uint32_t timeout_ms) {
    if (!handler_) return;
    if (auto closed = handler_->close(timeout_ms); !closed) {
        log::warning(closed.error().text,
                     {{"component", pipeline_.config.name}, {"doing", "closing the handler"}});
    }
    handler_.reset();
}

std::string HandlerCall::down() const {
    if (!is_down_.load(std::memory_order_acquire)) return {};
    const std::lock_guard lock(health_mutex_);
    return down_;
}

void HandlerCall::prepare(const delivery::Run* runs, std::size_t count) {
    if (jobs_.size() < count) jobs_.resize(count);
    tasks_.assign(count, volley_task{});
    const std::int64_t deadline = unix_ms() + pipeline_.config.handler_timeout.count();
    for (std::size_t i = 0; i < count; ++i) {
        Job& job = jobs_[i];
        job.slot = runs[i].slot;
        job.work = &pipeline_.works[runs[i].slot];
        job.message = job.work->message;
        if (!is_absent(job.message.body)) job.message.body = view_of(job.work->body);
        job.message.flags =
            pipeline_.input_encoding == codec::Encoding::none ? 0 : std::uint32_t{VOLLEY_MESSAGE_JSON};
        if (!job.work->key.empty()) job.message.key = view_of(job.work->key);
        job.explanation.clear();
        job.emit_error.clear();
        job.pending = false;
        tasks_[i].job = reinterpret_cast<volley_job*>(&job);
        tasks_[i].message = &job.message;
        tasks_[i].attempt = runs[i].attempt;
        tasks_[i].deadline_ms = deadline;
        tasks_[i].chain = runs[i].chain == delivery::no_chain ? 0 : runs[i].chain + 1;
    }
}

void HandlerCall::handle(const delivery::Run* runs, std::size_t count, std::vector<Handled>& out) {
    prepare(runs, count);
    const auto begin = std::chrono::steady_clock::now();
    // Set before the call: finish() of a pending one may come while handle() still runs.
    for (std::size_t i = 0; i < count; ++i) jobs_[i].pending = true;
    const Result<void> called = handler_->handle(tasks_.data(), static_cast<std::uint32_t>(count));
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < count; ++i) {
            if (tasks_[i].status == VOLLEY_PENDING) continue;
            jobs_[i].pending = false;
            jobs_[i].status = tasks_[i].status;
            jobs_[i].retry_after_ms = tasks_[i].retry_after_ms;
            jobs_[i].reason = tasks_[i].reason;
            if (!called && tasks_[i].status == VOLLEY_OK) {
                jobs_[i].status = VOLLEY_E_RETRY;
                jobs_[i].reason = VOLLEY_REASON_CRASH;
                jobs_[i].explanation = called.error().text;
            }
        }
    }
    wait_for_pending();
    const auto took = std::chrono::steady_clock::now() - begin;
    pipeline_.handle_durations.add(took / count, count);
    out.clear();
    for (std::size_t i = 0; i < count; ++i) out.push_back(outcome(jobs_[i]));
}

void HandlerCall::wait_for_pending() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] {
        for (std::size_t i = 0; i < tasks_.size(); ++i) {
            if (jobs_[i].pending) return false;
        }
        return true;
    });
}

Handled HandlerCall::outcome(const Job& job) {
    Handled result;
    result.retry_after_ms = job.retry_after_ms;
    Work& work = *job.work;
    switch (job.status) {
        case VOLLEY_OK:
            if (job.emit_error.empty()) return result;
            result.verdict = delivery::Verdict::fail;
            result.reason = VOLLEY_REASON_OUTPUT;
            work.explain(result.reason, job.emit_error);
            break;
        case VOLLEY_DROP:
            result.verdict = delivery::Verdict::drop;
            break;
        case VOLLEY_AGAIN:
            result.verdict = delivery::Verdict::not_started;
            break;
        case VOLLEY_E_RETRY:
            result.verdict = delivery::Verdict::retry;
            result.reason = job.reason != 0 ? job.reason : std::uint32_t{VOLLEY_REASON_HANDLER_RETRY};
            work.explain(result.reason,
                         job.explanation.empty() ? "the handler asked to try again" : job.explanation);
            break;
        default:
            result.verdict = delivery::Verdict::fail;
            result.reason = job.reason != 0 ? job.reason : std::uint32_t{VOLLEY_REASON_HANDLER_FAIL};
            work.explain(result.reason, job.explanation.empty() ? "the handler refused it" : job.explanation);
    }
    work.discard_outputs();
    return result;
}

// ---- volley_jobs

std::int32_t HandlerCall::emit(void* context, volley_job* handle, volley_view output,
                               const volley_record* record, std::uint32_t record_size, volley_error* error) {
    Pipeline& pipeline = static_cast<HandlerCall*>(context)->pipeline_;
    Job& job = *reinterpret_cast<Job*>(handle);
    volley_record full{};
    std::memcpy(&full, record, std::min<std::size_t>(record_size, sizeof full));
    bool found = false;
    for (const auto& port : pipeline.ports) {
        if (!is_absent(output) && text_of(output) != port->queue) continue;
        found = true;
        if (auto added = add_emitted(pipeline, *job.work, job.slot, port->index, full); !added) {
            job.emit_error = added.error().text;
            return volley_fail(error, static_cast<std::int32_t>(added.error().code),
                               added.error().text.c_str());
        }
    }
    if (found) return VOLLEY_OK;
    std::string known;
    for (const auto& port : pipeline.ports) known += (known.empty() ? "" : ", ") + port->queue;
    job.emit_error = "component \"" + pipeline.config.name + "\" has no output \"" +
                     std::string(text_of(output)) +
                     "\"; its outputs are: " + (known.empty() ? "none" : known);
    return volley_fail(error, VOLLEY_E_PERMANENT, job.emit_error.c_str());
}

void HandlerCall::explain(void*, volley_job* handle, volley_view text) {
    reinterpret_cast<Job*>(handle)->explanation = text_of(text);
}

void HandlerCall::finish(void* context, volley_job* handle, std::int32_t status,
                         std::uint64_t retry_after_ms) {
    HandlerCall& self = *static_cast<HandlerCall*>(context);
    const std::lock_guard lock(self.mutex_);
    Job& job = *reinterpret_cast<Job*>(handle);
    job.status = status;
    job.retry_after_ms = retry_after_ms;
    job.reason = 0;
    job.pending = false;
    self.finished_.notify_all();
}

std::int32_t HandlerCall::cancelled(void* context, volley_job* handle) {
    const Job& job = *reinterpret_cast<Job*>(handle);
    const Pipeline& pipeline = static_cast<HandlerCall*>(context)->pipeline_;
    if (pipeline.aborting.load(std::memory_order_relaxed)) return 2;
    return pipeline.is_cut_off() || job.work->lease_lost.load(std::memory_order_relaxed) ? 1 : 0;
}

}  // namespace volley::runtime

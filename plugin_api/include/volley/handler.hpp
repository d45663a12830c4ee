// The SDK's handler: one message in, outputs and a verdict out. Returning is success; failure is thrown.
//
//     struct Ship : volley::Handler {
//         explicit Ship(const volley::Context&) {}
//         void handle(const volley::Message& m, volley::Outputs& out) override { out.send("shipments",
//         m.body()); }
//     };
//     VOLLEY_PLUGIN("ship", "1.0.0", VOLLEY_CLASS(Ship));
//
// Each worker has its own instance, used by one thread; with static constexpr std::uint64_t flags =
// VOLLEY_THREAD_SAFE all workers share one and call it concurrently. Header-only, C++17.
//
// A handler may also throw volley::Error. ErrorCode::retry is RetryLater; permanent, too_large and
// unsupported are Rejected. fatal means that the instance failed, not the message: the engine creates a new
// one and passes it the message again, without counting an attempt. config, fenced and unauthorized end the
// component.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "volley/abi.hpp"
#include "volley/message.hpp"

namespace volley {
inline namespace v1 {

// The optional parts of an output beside its body. Absent: the input's key and headers, and the store's
// choice of the rest.
struct OutputOptions {
    std::optional<std::string_view> key = std::nullopt;
    std::int32_t partition = -1;
    std::uint64_t delay_ms = 0;
    const volley_header* headers = nullptr;  // see header_of()
    std::uint32_t header_count = 0;
    bool without_key = false;      // no key, even if `key` is absent and the input has one
    bool without_headers = false;  // no headers, even if `headers` is empty and the input has some
};

// Collects a handler's outputs. They are sent only if the handler returns.
class Outputs {
public:
    Outputs(const volley_jobs& jobs, volley_job* job) : jobs_(jobs), job_(job) {}

    // `queue` is one of the component's outputs. Copies. Throws Rejected if there is no such output, or if it
    // does not support the options.
    void send(std::string_view queue, std::string_view body, const OutputOptions& options = {}) {
        emit(view_of(queue), view_of(body), options);
    }
    // To every output of the component.
    void send_all(std::string_view body, const OutputOptions& options = {}) {
        emit(volley_view{}, view_of(body), options);
    }
    // A message without a body: "this key is deleted", for stores that support it.
    void send_tombstone(std::string_view queue, const OutputOptions& options = {}) {
        emit(view_of(queue), volley_view{}, options);
    }
    // True if the result is no longer needed: the engine stops, the lease was lost and another consumer has
    // the message, or handler_timeout has passed. A long-running handler checks it regularly and throws
    // RetryLater; an attempt is counted only after a timeout.
    bool cancelled() const { return jobs_.cancelled(jobs_.context, job_) != 0; }

private:
    void emit(volley_view queue, volley_view body, const OutputOptions& options) {
        volley_record record{};
        record.body = body;
        if (options.key) record.key = view_of(*options.key);
        record.partition = options.partition;
        record.delay_ms = options.delay_ms;
        record.headers = options.headers;
        record.header_count = options.header_count;
        if (options.without_key) record.flags |= VOLLEY_RECORD_OWN_KEY;
        if (options.without_headers) record.flags |= VOLLEY_RECORD_OWN_HEADERS;
        volley_error error{};
        error.struct_size = sizeof error;
        if (jobs_.emit(jobs_.context, job_, queue, &record, sizeof record, &error) < 0)
            throw Rejected(error.text);
    }
    const volley_jobs& jobs_;
    volley_job* job_;
};

class Handler {
public:
    virtual ~Handler() = default;
    virtual void handle(const Message& message, Outputs& outputs) = 0;
    virtual void shutdown() {}
};

// One message of a batch: its outputs, and its verdict, which is success by default.
class BatchItem {
public:
    BatchItem(const volley_jobs& jobs, volley_task& task)
        : message_(*task.message, task.attempt), outputs_(jobs, task.job), task_(task), jobs_(jobs) {}

    const Message& message() const { return message_; }
    Outputs& outputs() { return outputs_; }
    // The equivalents of RetryLater, Rejected and Dropped for one message. The last call counts.
    void retry_later(const std::string& why, std::uint64_t delay_ms = 0) {
        decide(VOLLEY_E_RETRY, why, delay_ms);
    }
    void reject(const std::string& why) { decide(VOLLEY_E_PERMANENT, why, 0); }
    void drop(const std::string& why = {}) { decide(VOLLEY_DROP, why, 0); }

private:
    void decide(std::int32_t status, const std::string& why, std::uint64_t delay_ms) {
        task_.status = status;
        task_.retry_after_ms = delay_ms;
        if (!why.empty()) jobs_.explain(jobs_.context, task_.job, view_of(why));
    }
    Message message_;
    Outputs outputs_;
    volley_task& task_;
    const volley_jobs& jobs_;
};

// Gets the messages of a call together; `batch:` of the component sets how many. Returning means success for
// each message without another verdict; an exception is the verdict of all of them. After a message that is
// retried or rejected, those behind it in its ordering group are delivered again.
class BatchHandler {
public:
    virtual ~BatchHandler() = default;
    virtual void handle(std::vector<BatchItem>& batch) = 0;
    virtual void shutdown() {}
};

namespace detail {

// Whether the code means that the handler's instance failed, not its message.
inline bool is_of_instance(ErrorCode code) {
    return code == ErrorCode::fatal || code == ErrorCode::config || code == ErrorCode::fenced ||
           code == ErrorCode::unauthorized;
}

// Whether a task of the same group before task `n` failed.
inline bool is_behind_a_failure(const volley_task* tasks, std::uint32_t stride, std::uint32_t n) {
    const volley_task& task = element(tasks, stride, n);
    for (std::uint32_t before = 0; task.group != 0 && before < n; ++before) {
        const volley_task& earlier = element(tasks, stride, before);
        if (earlier.group == task.group && earlier.status != VOLLEY_OK && earlier.status != VOLLEY_DROP)
            return true;
    }
    return false;
}

// Runs `body` for one task and converts an exception into the task's status; rethrows if is_of_instance.
template <typename Body>
void run_task(const volley_jobs& jobs, volley_task& task, Body&& body) {
    const auto fail = [&](std::int32_t status, const char* why) {
        task.status = status;
        jobs.explain(jobs.context, task.job, volley_text(why));
    };
    try {
        body();
        task.status = VOLLEY_OK;
    } catch (const RetryLater& e) {
        fail(VOLLEY_E_RETRY, e.what());
        task.retry_after_ms = e.after_ms;
    } catch (const Rejected& e) {
        fail(VOLLEY_E_PERMANENT, e.what());
    } catch (const Dropped& e) {
        fail(VOLLEY_DROP, e.what());
    } catch (const Error& e) {
        if (is_of_instance(e.code)) throw;
        const bool passing =
            e.code == ErrorCode::retry || e.code == ErrorCode::unknown || e.code == ErrorCode::lost;
        fail(passing ? VOLLEY_E_RETRY : VOLLEY_E_PERMANENT, e.what());
        task.retry_after_ms = passing ? e.retry_after_ms : 0;
    } catch (const std::exception& e) {
        fail(VOLLEY_E_RETRY, e.what());  // it may be temporary: it is tried max_attempts times
    } catch (...) {
        fail(VOLLEY_E_RETRY, "an exception that is no std::exception");
    }
}

// Runs tasks in turn. After a failed task, those of its group are left for later, because they must not
// overtake it. Returns < 0, with the text in `error`, if the instance failed: unfinished tasks have status 0.
template <typename Body>
std::int32_t run_tasks(const volley_jobs& jobs, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                       volley_error* error, Body&& body) noexcept {
    const auto has_failed = [](const volley_task& task) {
        return task.status != VOLLEY_OK && task.status != VOLLEY_DROP;
    };
    return guard(error, [&] {
        bool any_failed = false;
        for (std::uint32_t n = 0; n < count; ++n) {
            volley_task& task = element(tasks, stride, n);
            const bool behind_a_failure = any_failed && is_behind_a_failure(tasks, stride, n);
            if (behind_a_failure)
                task.status = VOLLEY_AGAIN;
            else
                run_task(jobs, task, [&] { body(task); });
            any_failed = any_failed || has_failed(task);
        }
    });
}

// Runs a batch: an exception of `body` becomes the status of every task. Returns < 0, with the text in
// `error`, if the instance failed.
template <typename Body>
std::int32_t run_batch(const volley_jobs& jobs, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                       volley_error* error, Body&& body) noexcept {
    return guard(error, [&] {
        std::vector<BatchItem> batch;
        batch.reserve(count);
        for (std::uint32_t n = 0; n < count; ++n) {
            volley_task& task = element(tasks, stride, n);
            task.status = VOLLEY_OK;
            batch.emplace_back(jobs, task);
        }
        std::exception_ptr thrown;
        try {
            body(batch);
        } catch (...) {
            thrown = std::current_exception();
        }
        for (std::uint32_t n = 0; n < count; ++n) {
            volley_task& task = element(tasks, stride, n);
            if (thrown)
                run_task(jobs, task, [&] { std::rethrow_exception(thrown); });
            else if (task.status == VOLLEY_OK && is_behind_a_failure(tasks, stride, n))
                task.status = VOLLEY_AGAIN;
        }
    });
}

template <typename T>
struct HandlerShim {
    HandlerShim(Context context, const volley_jobs* table) : jobs(*table), handler(context) {}
    const volley_jobs& jobs;
    T handler;

    static std::int32_t create(const volley_host* h, const volley_options* o, const volley_jobs* jobs,
                               volley_handler** out, volley_error* e) {
        *out = nullptr;
        return guard(
            e, [&] { *out = reinterpret_cast<volley_handler*>(new HandlerShim(Context(h, *o), jobs)); });
    }
    static std::int32_t open(volley_handler*, volley_error*) { return VOLLEY_OK; }
    static std::int32_t handle(volley_handler* i, volley_task* tasks, std::uint32_t count,
                               std::uint32_t stride, volley_error* e) {
        auto& shim = self<HandlerShim>(i);
        if constexpr (std::is_base_of_v<BatchHandler, T>) {
            return run_batch(shim.jobs, tasks, count, stride, e,
                             [&](std::vector<BatchItem>& batch) { shim.handler.handle(batch); });
        } else {
            return run_tasks(shim.jobs, tasks, count, stride, e, [&](volley_task& task) {
                Outputs outputs(shim.jobs, task.job);
                shim.handler.handle(Message(*task.message, task.attempt), outputs);
            });
        }
    }
    static std::int32_t close(volley_handler* i, std::uint32_t, volley_error* e) {
        return guard(e, [&] { self<HandlerShim>(i).handler.shutdown(); });
    }
    static void destroy(volley_handler* i) { delete &self<HandlerShim>(i); }
};

}  // namespace detail

template <typename T>
constexpr volley_handler_class handler_functions() {
    using S = detail::HandlerShim<T>;
    volley_handler_class c{};
    c.struct_size = sizeof c;
    c.create = &S::create;
    c.open = &S::open;
    c.handle = &S::handle;
    c.close = &S::close;
    c.destroy = &S::destroy;
    return c;
}

}  // namespace v1
}  // namespace volley

// Handle: the call of the user's handler, and what it may ask of us meanwhile (volley_jobs).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "plugins/instance.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// How a message came out of its handler.
struct Handled {
    delivery::Verdict verdict = delivery::Verdict::ok;
    std::uint32_t reason = VOLLEY_REASON_NONE;
    std::uint64_t retry_after_ms = 0;
};

// One worker's handler and the messages it has in hand. Owned by the worker's thread; volley_jobs' functions
// may come from any thread while handle() runs.
class HandlerCall {
public:
    explicit HandlerCall(Pipeline& pipeline) : pipeline_(pipeline) {}
    HandlerCall(const HandlerCall&) = delete;
    HandlerCall& operator=(const HandlerCall&) = delete;

    // Makes and opens the handler. Errors: config, retry (its own store is down), fatal.
    Result<void> open();
    void close(std::uint32_t timeout_ms);

    // Why the handler takes no messages, in its own words; empty: it does. Thread: any.
    std::string down() const;

    // Calls the handler, and waits for all the messages. Unless it keeps chains no two may be of one. `out`
    // gets one entry each; why one failed is in its Work.
    void handle(const delivery::Run* runs, std::size_t count, std::vector<Handled>& out);

private:
    struct Job;
    static std::int32_t emit(void* context, volley_job* job, volley_view output, const volley_record* record,
                             std::uint32_t record_size, volley_error* error);
    static void explain(void* context, volley_job* job, volley_view text);
    static void finish(void* context, volley_job* job, std::int32_t status, std::uint64_t retry_after_ms);
    static std::int32_t cancelled(void* context, volley_job* job);

    Result<plugins::HandlerInstance> create();
    void prepare(const delivery::Run* runs, std::size_t count);
    void wait_for_pending();
    Handled outcome(const Job& job);

    struct Job {
        delivery::Slot slot = delivery::no_slot;
        Work* work = nullptr;
        volley_message message{};  // the body as the handler sees it
        std::string explanation;
        std::string emit_error;  // an output that cannot be sent fails the message
        bool pending = false;
        std::int32_t status = VOLLEY_OK;
        std::uint64_t retry_after_ms = 0;
        std::uint32_t reason = 0;
    };

    Pipeline& pipeline_;
    volley_jobs jobs_table_{};
    std::optional<plugins::HandlerInstance> handler_;
    std::vector<Job> jobs_;
    std::vector<volley_task> tasks_;
    mutable std::mutex health_mutex_;
    std::string down_;
    std::atomic<bool> is_down_{false};
    std::mutex mutex_;  // pending jobs
    std::condition_variable finished_;
};

}  // namespace volley::runtime

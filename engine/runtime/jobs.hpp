// Jobs: what a handler may ask of the engine about the messages that it has in hand (volley_jobs). A handler
// names a job by a token that is never given twice, so that a call that comes late, twice, or out of the blue
// finds nothing. Tables outlive the handlers that they are given to: they are used again, never freed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

struct Job;

// Whoever waits for jobs: one call of a handler at a time. Lives as long as its jobs are begun.
struct JobWaiter {
    explicit JobWaiter(const Pipeline& p) : pipeline(p) {}

    const Pipeline& pipeline;
    Condition finished;
    std::size_t awaited = 0;                  // jobs; guarded by the table's lock
    std::atomic<std::int64_t> late_at_ms{0};  // of the monotonic clock: past it no result counts; 0 none
    // For messages that end one by one, in place of `awaited`: the jobs that have ended, guarded by the
    // table's lock. After each `wake` is called, under that lock, unless the waiter's own thread is in a
    // call.
    std::vector<Job*> done;
    std::function<void()> wake;
};

struct Job {
    std::atomic<std::uint64_t> token{0};  // 0: over
    std::atomic<const JobWaiter*> owner{nullptr};
    std::uint64_t last_token = 0;

    // Of the message in hand, from begin to end.
    JobWaiter* waiter = nullptr;
    delivery::Slot slot = delivery::no_slot;
    MessageContext* context = nullptr;
    volley_message message{};  // as the handler sees it
    std::string explanation;
    std::int32_t emit_status = VOLLEY_OK;  // of an output that cannot be sent: it fails the message
    std::string emit_error;
    std::atomic<bool> finished{false};
    bool finished_late = false;  // past the deadline; guarded by the table's lock
    bool awaited = false;        // counted in its waiter
    std::int32_t status = VOLLEY_OK;
    std::uint64_t retry_after_ms = 0;
    std::uint32_t reason = 0;
    std::uint32_t place = 0;                  // the waiter's name for it
    std::atomic<std::int64_t> late_at_ms{0};  // as the waiter's, of this job alone

    bool is_late() const {
        return is_past(waiter->late_at_ms.load(std::memory_order_relaxed)) ||
               is_past(late_at_ms.load(std::memory_order_relaxed));
    }
    static bool is_past(std::int64_t at_ms) { return at_ms != 0 && now().count() > at_ms; }

    // May a message end so? Not with VOLLEY_PENDING, because it has ended.
    bool is_status_defined() const {
        return status == VOLLEY_OK || status == VOLLEY_DROP || status == VOLLEY_AGAIN ||
               (status <= VOLLEY_E_RETRY && status >= VOLLEY_E_UNSUPPORTED);
    }
};

// One instance's. What comes from the thread that is inside of its own call of the handler takes no lock.
class JobTable {
public:
    // One that nobody uses.
    static JobTable& borrow();
    // Requires: none of its jobs is begun.
    void give_back();
    JobTable(const JobTable&) = delete;
    JobTable& operator=(const JobTable&) = delete;

    const volley_jobs* functions() const { return &functions_; }
    // A job for the caller to use again and again, until the table is given back.
    Job& add();
    // Makes the job known, by the token that it returns. The caller has filled it. No lock.
    static volley_job* begin(Job& job, JobWaiter& waiter);
    // Makes it unknown. Requires: the lock.
    static void end(Job& job) { job.token.store(0, std::memory_order_relaxed); }

    std::mutex& mutex() { return mutex_; }

    // Around the calls of a handler, on the thread that makes them.
    class Call {
    public:
        explicit Call(const JobWaiter& waiter);
        ~Call();
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
    };

private:
    JobTable();
    Job* find(std::uint64_t token) const;
    template <typename Act>
    static bool with_job(void* context, volley_job* handle, Act&& act);
    static std::int32_t emit(void* context, volley_job* job, volley_view output, const volley_record* record,
                             std::uint32_t record_size, volley_error* error);
    static void explain(void* context, volley_job* job, volley_view text);
    static void finish(void* context, volley_job* job, std::int32_t status, std::uint64_t retry_after_ms);
    static void finish_for(void* context, volley_job* job, std::int32_t status, std::uint64_t retry_after_ms,
                           std::uint32_t reason);
    static std::int32_t cancelled(void* context, volley_job* job);

    // Chunk n has 64 << n jobs. They never move.
    static constexpr std::uint32_t first_chunk = 64;
    static constexpr std::size_t most_chunks = 18;
    volley_jobs functions_{};
    std::mutex mutex_;
    std::array<std::atomic<Job*>, most_chunks> chunks_{};
    std::uint32_t used_ = 0;
};

}  // namespace volley::runtime

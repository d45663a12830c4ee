// A worker: a thread that takes batches of what the core says is to be done, and carries each through decode,
// handle, encode and produce. What became of it goes back as completions. A BatchRun does so with one batch
// after the other; an AsyncRun with whatever its handler has room for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/async_run.hpp"
#include "runtime/batch_run.hpp"
#include "runtime/instance_slot.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"
#include "runtime/work_inbox.hpp"

namespace volley::runtime {

class Worker {
public:
    Worker(Pipeline& pipeline, std::uint32_t number);
    ~Worker();

    // Starts the thread. It opens the handler first: worker_idle with count 0 says that it is ready.
    // worker_failed, now or later, says that there will never be a handler again. Thread: intake, as all that
    // follows.
    void start();
    // Takes batches, and the word to end after those that it has.
    WorkInbox& inbox() { return inbox_; }
    // Has its thread ended? Then join() does not block.
    bool ended() const { return ended_.load(std::memory_order_acquire); }
    void join();
    // Lets go of a thread that hangs in a handler; the process is about to exit.
    void abandon();

    // Since when the handler has been working on one call, or on its oldest message; 0: it is not. ms of the
    // monotonic clock.
    std::int64_t in_call_since_ms() const;
    // How its handler is.
    const HandlerHealth& handler() const { return slot_->health(); }
    // The output queue that it hands records to right now; null: none.
    const OutputQueue* output_queue_in_use() const { return results_.output_queue_in_use(); }
    // Requires: worker_failed was said.
    const Error& failure() const { return *failure_; }

private:
    void run();
    void run_batches();
    void run_async();
    void tell_failure();

    Pipeline& pipeline_;
    std::uint32_t number_;
    std::shared_ptr<InstanceSlot> slot_;
    PassResults results_;
    BatchRun batch_run_;
    WorkInbox inbox_;
    AsyncRun async_run_;
    Thread thread_;
    std::atomic<bool> ended_{false};
    std::optional<Error> failure_;  // that was told
};

}  // namespace volley::runtime

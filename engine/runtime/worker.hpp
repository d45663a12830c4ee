// A worker: a thread that takes batches of what the core says is to be done, and carries each through decode,
// handle, encode and produce. What became of it goes back as completions. A BatchRun does so with one batch
// after the other; an AsyncRun with whatever its handler has room for.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/async_run.hpp"
#include "runtime/batch_run.hpp"
#include "runtime/handle.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

class Worker {
public:
    Worker(Pipeline& pipeline, std::uint32_t number);
    ~Worker();

    // Starts the thread. It opens the handler first: worker_idle with count 0 says that it is ready.
    // worker_failed, now or later, says that there will never be a handler again. Thread: intake, as all that
    // follows.
    void start();
    // Gives it a batch; takes the contents of `batch` and leaves it empty.
    void give(std::vector<delivery::WorkItem>& batch);
    // Lets it end after the batches it has; its handler has so long to close. Does not wait.
    void finish(delivery::Millis close_timeout = delivery::Millis(0));
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
    const Error& failure() const { return failure_; }  // after worker_failed

private:
    using Batches = std::deque<std::vector<delivery::WorkItem>>;

    void run();
    bool open_handler();
    void run_batches();
    void run_async();
    void take_work(const Batches& batches, std::uint32_t& over);
    void wait_for_work();
    void wake();
    void say(Completion::Kind kind);
    void tell_failure();

    Pipeline& pipeline_;
    std::uint32_t number_;
    std::shared_ptr<InstanceSlot> slot_;
    PassResults results_;
    HandlerCall call_;
    BatchRun batch_run_;
    AsyncRun async_run_;
    Thread thread_;
    std::atomic<bool> ended_{false};
    Error failure_{ErrorCode::fatal, ""};
    bool told_failure_ = false;

    std::mutex mutex_;
    Condition given_;
    Batches inbox_;
    std::vector<std::vector<delivery::WorkItem>> spare_;  // emptied batches, to be filled again
    bool finishing_ = false;
    bool woken_ = false;    // a message has ended
    bool polling_ = false;  // the thread waits inside the handler
    delivery::Millis close_timeout_{0};
};

}  // namespace volley::runtime

// The way from the intake to a worker: batches, the word to end, and what wakes the worker while it waits.
//
// Invariant: after give(), finish() or wake() the worker does not go on waiting. If it waits inside its
// handler, the handler is interrupted; the lock keeps the instance from going meanwhile.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

using Batches = std::deque<std::vector<delivery::WorkItem>>;

class WorkInbox {
public:
    // `interrupt` ends the worker's wait inside its handler. It is called while begin_poll() to end_poll()
    // run, from any thread, and must not block.
    explicit WorkInbox(std::function<void()> interrupt) : interrupt_(std::move(interrupt)) {}

    // ---- Thread: intake

    // Takes the contents of `batch` and leaves it empty.
    void give(std::vector<delivery::WorkItem>& batch);
    // Nothing more comes. The handler has `close_timeout` to close.
    void finish(delivery::Millis close_timeout);

    // ---- Thread: any

    // A message has ended.
    void wake();

    // ---- Thread: the worker

    // Puts the next batch into `batch`, whose memory is used again. Waits for it. Returns false if nothing
    // more comes.
    bool take(std::vector<delivery::WorkItem>& batch);
    // Puts all batches into `batches`, which may be none, and forgets the wakes so far. Returns whether
    // nothing more comes.
    bool take_all(Batches& batches);
    // Waits until `deadline`, or until there is something to do: work, a wake, or, if the worker is idle, the
    // end.
    void wait(bool is_idle, Nanoseconds deadline);
    // Returns false if there is something to do, as above. Otherwise the worker waits in its handler until
    // end_poll().
    bool begin_poll();
    void end_poll();
    // After finish().
    delivery::Millis close_timeout() const { return close_timeout_; }

private:
    bool has_come(bool is_idle) const { return !batches_.empty() || is_woken_ || (is_finishing_ && is_idle); }
    void recycle(std::vector<delivery::WorkItem>& batch);

    std::function<void()> interrupt_;
    std::mutex mutex_;
    Condition changed_;
    Batches batches_;
    std::vector<std::vector<delivery::WorkItem>> spare_;  // emptied batches, to be filled again
    bool is_finishing_ = false;
    bool is_woken_ = false;
    bool is_polling_ = false;  // the worker waits inside its handler
    delivery::Millis close_timeout_{0};
};

}  // namespace volley::runtime

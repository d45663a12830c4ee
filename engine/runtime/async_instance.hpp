// The instance of a handler that has messages of this worker pending, and their jobs. It enters the slot with
// the first message and leaves it after the last. Says what happened; decides nothing about messages. Owned
// by the worker's thread.
//
// Invariants: every pending message has a job that is begun. Before the instance leaves, all jobs are ended.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/instance_slot.hpp"
#include "runtime/jobs.hpp"
#include "runtime/pending_calls.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Why an instance is done for.
struct InstanceFailure {
    Error why;
    bool ends = false;         // so is the component
    bool breaks_rule = false;  // of the ABI: nothing that the instance said counts
};

struct HeldJob {
    Job* job = nullptr;  // null: this instance has not had this place yet
    // Whether the handler may leave the message VOLLEY_AGAIN: it did so within the call, where one before it
    // in its group was not successful.
    bool may_skip = false;
};

class AsyncInstance {
public:
    // `wake` is called from any thread when a message has ended. It must not block.
    AsyncInstance(Pipeline& pipeline, InstanceSlot& slot, std::function<void()> wake);
    AsyncInstance(const AsyncInstance&) = delete;
    AsyncInstance& operator=(const AsyncInstance&) = delete;

    // Enters the slot, which makes an instance first if there is none. Returns false if the engine stops or
    // there will never be one.
    bool enter();
    bool is_entered() const { return instance_ != nullptr; }
    // Whether it takes no more messages, because it is about to be replaced.
    bool is_retiring() const { return instance_ != nullptr && slot_.is_retiring(); }

    // ---- Requires, as all below: enter() has returned true, and no leave… came after it.

    // Gives the handler messages, which may end before it returns. `late_at_ms`: a result that comes after
    // this time of the monotonic clock is late; 0: none is.
    std::optional<InstanceFailure> handle(const delivery::WorkItem* items, const Place* places,
                                          std::size_t count, std::int64_t late_at_ms);
    // Whether the handler is to be polled while messages are pending.
    bool has_poll() const;
    // Waits inside the handler until a message ends, `wait` is over, or interrupt() is called.
    std::optional<InstanceFailure> poll(delivery::Millis wait);
    // Requires: poll() is running, or about to run. Thread: any.
    void interrupt() const { instance_->handler->interrupt(); }

    // Whether take_ended() has something right now.
    bool has_ended() const;
    // Replaces `out` by the jobs of the messages that have ended since the last call. Nobody else writes to
    // them any more. Fails if one ended with a status that the ABI does not define. Otherwise the instance
    // has worked, if there are any.
    std::optional<InstanceFailure> take_ended(std::vector<Job*>& out);
    // Ends all jobs. Those that take_ended() would return are forgotten.
    void end_jobs();
    // Of a message, from handle() until the instance leaves.
    const HeldJob& operator[](Place place) const { return held_[place]; }

    // Whether a call of this instance has returned without a failure before.
    bool has_worked() const { return instance_->worked.load(std::memory_order_relaxed); }

    // Leaves the slot. Requires: no message is pending.
    void leave();
    // Likewise, if the instance keeps messages past their time, or has failed: it is replaced. The jobs are
    // gone.
    void leave_late();
    void leave_failed(const InstanceFailure& failure);

private:
    void begin(const delivery::WorkItem& item, Place place, std::int64_t late_at_ms, volley_task& task);
    void take_statuses(const Place* places, std::size_t count, bool failed);

    Pipeline& pipeline_;
    InstanceSlot& slot_;
    JobWaiter waiter_;
    Instance* instance_ = nullptr;
    std::uint64_t serial_ = 0;        // of the instance that the jobs are of
    std::vector<HeldJob> held_;       // by place
    std::vector<volley_task> tasks_;  // of one call; reused
};

}  // namespace volley::runtime

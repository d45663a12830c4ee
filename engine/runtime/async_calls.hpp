// One worker's calls of a handler that leaves messages pending (VOLLEY_ASYNC): each completes on its own, in
// any order. Knows instances, jobs and deadlines, but nothing of ordering groups. Owned by the worker's
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/instance_slot.hpp"
#include "runtime/job_result.hpp"
#include "runtime/jobs.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

// The caller's name for a message that is pending: a small number, free again once the message has ended.
using Place = std::uint32_t;

struct EndedCall {
    Place place;
    HandlerResult result;
    // The instance failed before it decided the message, which is to be handled again, alone. `is_charged`:
    // the instance had done nothing else, so the message may be what it failed with.
    bool is_undecided = false;
    bool is_charged = false;
};

class AsyncCalls {
public:
    // `wake` is called from any thread when a message has ended. It must not block.
    AsyncCalls(Pipeline& pipeline, InstanceSlot& slot, std::function<void()> wake);
    AsyncCalls(const AsyncCalls&) = delete;
    AsyncCalls& operator=(const AsyncCalls&) = delete;

    std::uint32_t pending() const { return pending_; }
    // Whether the instance takes more messages. If not, the pending ones end first.
    bool takes_more() const;
    // Gives the handler `count` messages. Makes an instance first if there is none. Returns false if the
    // engine stops or there will never be one: nothing was given.
    bool start(const delivery::WorkItem* items, const Place* places, std::size_t count);
    // Whether take_ended() has something to append right now.
    bool has_ended() const;
    // Appends the messages that have ended since, and those that are out of time.
    void take_ended(std::vector<EndedCall>& out);

    // Whether the handler is to be polled while messages are pending.
    bool has_poll() const {
        return instance_ != nullptr && !pipeline_.shared_handler && instance_->handler->has_poll();
    }
    // Waits inside the handler until a message ends, `wait` is over, or interrupt() is called. If that fails,
    // take_ended() says so.
    void poll(delivery::Millis wait);
    // Requires: poll() is running, or about to run. Thread: any.
    void interrupt() const { instance_->handler->interrupt(); }
    // When the next deadline is due; the maximum if there is none.
    Nanoseconds next_deadline() const;

    // When the oldest pending message was given, in ms of the monotonic clock; 0: none is pending. Thread:
    // any.
    std::int64_t pending_since_ms() const { return pending_since_ms_.load(std::memory_order_relaxed); }
    // Why the last instance failed.
    const std::string& failure() const { return failure_; }

private:
    struct Call {
        Job* job = nullptr;
        Nanoseconds begin{0};
        std::uint64_t number = 0;   // in the order of their start
        std::uint64_t start = 0;    // number of the call of start()
        std::uint32_t company = 1;  // messages of its batch, if the component has batches
        bool is_pending = false;
        bool may_skip = false;    // one before it in its group and its call did not succeed there
        bool is_overdue = false;  // past its deadline and its grace: the instance goes
    };
    struct Started {
        Place place;
        std::uint64_t number;
    };

    bool enter();
    void use(Place place);
    void take_statuses(const Place* places, std::size_t count, bool failed);
    void end_call(Call& call);
    bool is_behind_another(std::size_t i) const;
    EndedCall end_of(Call& call);
    HandlerResult result_of(Call& call);
    EndedCall too_late(Place place, Call& call);
    void measure(const Call& call);
    void fail_instance(const Error& why, bool ends, bool broke_rule);
    void find_overdue();
    void forget_started();
    void retire_late();
    void leave_if_idle();

    Pipeline& pipeline_;
    InstanceSlot& slot_;
    JobWaiter waiter_;
    Instance* instance_ = nullptr;  // while messages are pending
    std::uint64_t serial_ = 0;      // of the instance that the jobs are of
    std::vector<Call> calls_;       // by place
    std::deque<Started> started_;   // in the order of their start
    std::vector<volley_task> tasks_;
    std::vector<Job*> done_;        // reused
    std::vector<EndedCall> ended_;  // by a failure of the instance
    std::uint64_t last_number_ = 0;
    std::uint64_t starts_ = 0;
    std::uint64_t last_late_ = 0;  // start() whose batch was reported as out of time
    std::uint32_t pending_ = 0;
    std::uint32_t overdue_ = 0;
    Nanoseconds last_end_{0};
    std::optional<Error> poll_failure_;
    bool poll_broke_rule_ = false;
    std::string failure_;
    std::atomic<std::int64_t> pending_since_ms_{0};
};

}  // namespace volley::runtime

// One worker's calls of a handler that leaves messages pending (VOLLEY_ASYNC): each completes on its own, in
// any order. Decides how each message came out: what its handler says of it, a timeout, or nothing yet
// because the instance failed first. Knows nothing of ordering groups. Owned by the worker's thread.
//
// Invariant: each message that start() has given is in take_ended() exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/async_instance.hpp"
#include "runtime/job_result.hpp"
#include "runtime/pending_calls.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

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
    AsyncCalls(Pipeline& pipeline, InstanceSlot& slot, std::function<void()> wake)
        : pipeline_(pipeline), instance_(pipeline, slot, std::move(wake)) {}

    const PendingCalls& pending() const { return pending_; }
    // Whether the instance takes more messages. If not, the pending ones end first.
    bool takes_more() const;
    // Gives the handler `count` messages. Makes an instance first if there is none. Returns false if the
    // engine stops or there will never be one: nothing was given.
    bool start(const delivery::WorkItem* items, const Place* places, std::size_t count);
    // Whether take_ended() has something to append right now.
    bool has_ended() const;
    // Appends the messages that have ended since, and those that are out of time.
    void take_ended(std::vector<EndedCall>& out);

    // Whether messages are pending in a handler that ends them inside its poll().
    bool has_poll() const { return pending_.count() > 0 && instance_.has_poll(); }
    // Waits inside the handler until a message ends, `wait` is over, or interrupt() is called. If that fails,
    // take_ended() says so. Requires: has_poll().
    void poll(delivery::Millis wait) { poll_failure_ = instance_.poll(wait); }
    // Requires: poll() is running, or about to run. Thread: any.
    void interrupt() const { instance_.interrupt(); }
    // When the next deadline is due; the maximum if there is none.
    Nanoseconds next_deadline() const;

    // Why the last instance failed.
    const std::string& failure() const { return failure_; }

private:
    void take_finished(std::vector<EndedCall>& out);
    EndedCall too_late(const Job& job);
    HandlerResult result_of(const Job& job);
    void fail_instance(const InstanceFailure& failure);
    void retire_late(std::vector<EndedCall>& out);

    Pipeline& pipeline_;
    AsyncInstance instance_;
    PendingCalls pending_;
    std::vector<Job*> finished_;                   // reused
    std::vector<EndedCall> ended_;                 // by a failure of the instance
    std::optional<InstanceFailure> poll_failure_;  // to be taken
    std::string failure_;
    Nanoseconds last_end_{0};
    std::uint64_t last_late_ = 0;  // start whose batch was reported as out of time
};

}  // namespace volley::runtime

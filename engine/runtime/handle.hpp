// Handle: the call of the user's handler, with the messages that go into it and how they come out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/instance_slot.hpp"
#include "runtime/job_result.hpp"
#include "runtime/jobs.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

// One worker's way into the handler. Owned by the worker's thread.
class HandlerCall {
public:
    HandlerCall(Pipeline& pipeline, InstanceSlot& slot);
    HandlerCall(const HandlerCall&) = delete;
    HandlerCall& operator=(const HandlerCall&) = delete;

    // Calls the handler, and waits for all the messages. Unless it keeps groups no two may be of one. `out`
    // gets one entry each; why one failed is in its MessageContext. A failed instance is replaced, and called
    // again.
    void handle(const delivery::WorkItem* items, std::size_t count, std::vector<HandlerResult>& out);

    // ---- from any thread
    // Since when the handler has been working on one call; 0: it is not. ms of the monotonic clock.
    std::int64_t in_call_since_ms() const { return in_call_since_ms_.load(std::memory_order_relaxed); }

private:
    // What became of one call of an instance, and of a task in it.
    struct Call {
        std::optional<Error> failed;  // the instance is done for
        bool ends = false;            // … and so is the component
        bool broke_rule = false;      // … because the handler broke one of the ABI
        bool keeps_late = false;      // it has messages in hand still, past their time
    };
    enum class End : std::uint8_t {
        decided,    // its job's status counts
        undecided,  // the instance failed first
        late,       // no status came in time
    };

    void handle_alone(const delivery::WorkItem& item, HandlerResult& out);
    Call call(Instance& instance, const delivery::WorkItem* items, std::size_t count, HandlerResult* out);
    void use(Instance& instance, std::size_t count);
    End end_of(std::size_t i, bool late, bool failed);
    void await(std::unique_lock<std::mutex>& lock, std::size_t count, delivery::Millis limit,
               Nanoseconds begin);
    bool may_skip(std::size_t i) const;
    void look_at_statuses(std::size_t count, Call& result);
    void break_rule(Call& result, const std::string& what) const;

    Pipeline& pipeline_;
    InstanceSlot& slot_;
    JobWaiter waiter_;
    std::atomic<std::int64_t> in_call_since_ms_{0};

    std::vector<Job*> jobs_;  // of the instance with this serial
    std::uint64_t serial_ = 0;
    std::vector<volley_task> tasks_;
    std::vector<End> ends_;  // of the tasks of the last call
};

}  // namespace volley::runtime

// Carries messages through a handler that handles several at a time (VOLLEY_ASYNC): each is handed on as soon
// as it has ended, whatever else the handler has, but not before those of its group. Runs alone what may have
// brought an instance or the process down. Owned by the worker's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/alone_queue.hpp"
#include "runtime/async_calls.hpp"
#include "runtime/batching.hpp"
#include "runtime/ordered_results.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/waiting_messages.hpp"

namespace volley::runtime {

class AsyncRun {
public:
    AsyncRun(Pipeline& pipeline, std::uint32_t worker, InstanceSlot& slot, PassResults& results,
             std::function<void()> wake)
        : pipeline_(pipeline),
          worker_(worker),
          results_(results),
          calls_(pipeline, slot, std::move(wake)),
          // A child process reads one batch ahead, so that it does not wait for the next.
          batching_(pipeline.config.batch, pipeline.config.concurrency + (pipeline.in_process ? 0 : 1)) {}

    // Adds a message to those that wait for the handler.
    void add(const delivery::WorkItem& item);
    // Hands on what has ended, and gives the handler what it has room for. Returns how many work items are
    // over.
    std::uint32_t pass();
    bool is_idle() const { return waiting_.size() == 0 && started_.size() == 0; }
    // When pass() may start a batch although nothing has come or ended; the maximum if it may not.
    Nanoseconds batch_due() const {
        // Those that run alone come first, and no time ends that.
        return alone_.empty() ? batching_.due() : Nanoseconds::max();
    }

    // The calls that are pending: for waiting, inside the handler if it has a poll.
    AsyncCalls& calls() { return calls_; }
    const AsyncCalls& calls() const { return calls_; }

private:
    // What one call of the handler gets.
    struct Given {
        std::vector<delivery::WorkItem> items;
        std::vector<Place> places;
        std::uint64_t bytes = 0;  // only with batches
    };
    enum class Admission : std::uint8_t { given, over, blocked, alone };

    void took(const EndedCall& ended);
    void end(Place place, const HandlerResult& result);
    void conclude(const OrderedResult& ended);
    void start_waiting();
    bool has_room(std::uint64_t bytes) const;
    Admission admit(const delivery::WorkItem& item);
    void start_alone();
    void give();

    Pipeline& pipeline_;
    std::uint32_t worker_;
    PassResults& results_;
    AsyncCalls calls_;
    Batching batching_;
    WaitingMessages waiting_;
    OrderedResults started_;
    AloneQueue alone_;
    Given given_;                   // reused, as those below
    std::vector<EndedCall> ended_;  // in this pass
    std::vector<OrderedResult> concluded_;
    std::uint32_t over_ = 0;  // work items that ended in this pass
};

}  // namespace volley::runtime

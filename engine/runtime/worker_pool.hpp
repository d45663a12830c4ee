// The workers of a component, and who of them has how much to do. Thread: intake, unless a function says
// otherwise.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/worker.hpp"

namespace volley::runtime {

class WorkerPool {
public:
    explicit WorkerPool(Pipeline& pipeline) : pipeline_(pipeline) {}

    // Starts as many threads as configured; each opens its handler and says so by a completion. Errors: retry
    // if the system has no thread for one; those before it run.
    Result<void> start();
    // A completion worker_idle: the worker's handler is open, if `finished` is 0, or it finished a batch of
    // so many.
    void idle(std::uint32_t worker, std::uint32_t finished);
    bool is_ready() const { return ready_ == workers_.size(); }

    // Hands nothing to the workers after the first `most`; 0: to all. Those that have messages finish them.
    void limit(std::uint32_t most) { limit_ = most; }
    // How many workers get messages.
    std::uint32_t used() const { return limit_ == 0 ? size() : std::min(limit_, size()); }
    // Hands out what the core has, evenly.
    void dispatch(delivery::Delivery& core);
    // How many messages the workers can soon begin.
    std::uint64_t capacity() const;

    // Lets all end after what they have; their handlers have so long to close. Does not wait.
    void finish(delivery::Millis close_timeout);
    bool ended() const;
    // Joins those that have ended and abandons the others, which hang. Returns the labels of what hangs.
    std::vector<std::string> join_or_abandon();
    // Does a worker that has not ended call this output right now?
    bool is_calling(const OutputQueue& output_queue) const;

    std::uint32_t size() const { return static_cast<std::uint32_t>(workers_.size()); }
    std::uint32_t busy() const;
    // Why worker_failed was said. Requires: it was.
    const Error& failure(std::uint32_t worker) const { return workers_[worker]->failure(); }
    // Why a worker has no handler now; empty: all have one.
    std::string handler_problem() const;
    // Why a handler takes no messages for now, through no fault of ours; empty: all take them.
    std::string handler_outage() const;
    // How many instances or processes of the handler have replaced another one, and how many of those did so
    // by design.
    struct Restarts {
        std::uint64_t all = 0;
        std::uint64_t planned = 0;
    };
    Restarts restarts() const;
    // Since when the oldest call has been running that has passed handler_timeout, in ms of the monotonic
    // clock; 0: there is none.
    std::int64_t overdue_since(delivery::Instant now) const;
    // Is a handler call running that has not reached handler_timeout?
    bool has_call_in_time(delivery::Instant now) const;

private:
    bool give(delivery::Delivery& core, std::uint32_t worker);
    std::uint32_t batches_ahead() const;
    std::uint32_t most_held() const;

    Pipeline& pipeline_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::uint32_t> outstanding_;  // batches, by worker; not of an asynchronous handler
    std::vector<std::uint32_t> held_;         // messages, by worker
    std::uint32_t in_workers_ = 0;            // messages
    std::uint32_t ready_ = 0;
    std::uint32_t limit_ = 0;
    std::vector<delivery::WorkItem> batch_;  // reused
};

}  // namespace volley::runtime

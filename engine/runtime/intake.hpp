// The intake of a component: the thread that owns its consumer and its delivery core. Its parts do the work,
// each with a state of its own: Feed fetches messages, Settling takes results, settles and commits,
// PartitionListener hears of partitions, StatusPublisher shows it all. The intake decides when. turn() is one
// pass that does not wait; Feed::wait() is the only wait while the intake runs. opening.hpp has what comes
// before the loop, closing.hpp what comes after it.
#pragma once

#include <cstdint>
#include <string>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"
#include "runtime/feed.hpp"
#include "runtime/intake_context.hpp"
#include "runtime/partition_listener.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/settling.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/status_publisher.hpp"

namespace volley::runtime {

class Intake {
public:
    Intake(Pipeline& pipeline, plugins::Consumer consumer, const delivery::Options& core,
           IntakeOptions options);
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    // The body of the thread: opens, runs, drains, closes. Returns when the component has ended.
    void run();
    // Called instead of run() if the thread cannot be started.
    void cannot_run(Error error);

    // ---- from any thread
    const ComponentStatus& status() const { return context_.status; }
    ComponentSnapshot snapshot() const { return snapshot_of(context_); }
    // Returns what waits if the component is stalled: see runtime::stalled.
    std::string stalled() const { return runtime::stalled(context_); }
    // Starts the drain, after which the component ends.
    void stop();
    // Fetches nothing until resumed; what is in flight goes on.
    void pause(bool paused);
    // Hands messages to so many workers only; 0: to all. Those that have messages finish them.
    void limit_workers(std::uint32_t most);
    // Fetches at most so many messages a second; 0: no limit.
    void limit_rate(std::uint32_t per_second);
    void wake() { context_.pipeline.completions.ring(); }
    // The next snapshots have what the store says about the queue, a moment later.
    void want_backlog() { context_.status.backlog_wanted.store(true, std::memory_order_relaxed); }
    // The next snapshots have the messages in flight, a moment later.
    void want_in_flight() {
        context_.status.in_flight_wanted.store(true, std::memory_order_relaxed);
        wake();
    }
    // What an operator watches messages with. Stays valid when the component ends.
    std::shared_ptr<Tap> tap() const { return context_.pipeline.tap; }
    // Stores the health that the consumer reports about itself.
    void health(std::uint32_t state, std::string text) { context_.status.set_health(state, std::move(text)); }
    // The process is about to end while handlers run: their messages must not become suspects in the crash
    // journal.
    void cut_off() {
        if (context_.pipeline.journal) context_.pipeline.journal->forget_running();
    }

private:
    void loop();
    void turn();
    bool begin_drain();

    IntakeContext context_;
    Settling settling_;
    Feed feed_;
    PartitionListener listener_;
    StatusPublisher publisher_;
};

}  // namespace volley::runtime

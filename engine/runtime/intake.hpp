// The intake of a component: the one thread that owns its consumer and its delivery core. It fetches
// messages, hands them to the workers, takes what became of them, settles and commits. The parts do the work;
// the intake says when: turn() is one pass that does not wait, and wait() the only wait while it runs.
// intake.cpp is the loop, opening.cpp what comes before, closing.cpp what comes after.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"
#include "runtime/assignments.hpp"
#include "runtime/component_status.hpp"
#include "runtime/fetcher.hpp"
#include "runtime/flow_control.hpp"
#include "runtime/input.hpp"
#include "runtime/lease_keeper.hpp"
#include "runtime/message_failure_log.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/progress.hpp"
#include "runtime/readiness.hpp"
#include "runtime/receiver.hpp"
#include "runtime/reports.hpp"
#include "runtime/settler.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/transactor.hpp"
#include "runtime/worker_pool.hpp"

namespace volley::runtime {

struct IntakeOptions {
    delivery::Millis startup_timeout{60'000};
    delivery::Millis shutdown_timeout{30'000};
    delivery::Millis stall_timeout{300'000};
    bool watch_idle = false;  // keep is_idle() true to the store's own figures: for --exit-when-idle
};

class Intake {
public:
    Intake(Pipeline& pipeline, plugins::Consumer consumer, const delivery::Options& core,
           IntakeOptions options);
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;

    // The thread's body: opens, runs, drains, closes. Returns when the component has ended.
    void run();
    // Instead of run(): there is no thread for it.
    void cannot_run(Error error);

    // ---- from any thread
    // Drain and end.
    void stop();
    // The process is about to end with handlers at work: what they have in hand is not to blame.
    void cut_off() {
        if (pipeline_.journal) pipeline_.journal->forget_running();
    }
    void wake() { pipeline_.completions.ring(); }
    // The consumer's own word on its health.
    void health(std::uint32_t state, std::string text) { status_.set_health(state, std::move(text)); }
    // Everything is open: the connectors, and a handler for each worker.
    bool is_open() const { return status_.opened.load(std::memory_order_acquire); }
    bool ended() const { return status_.ended.load(std::memory_order_acquire); }
    // Nothing in flight, and the store has nothing for us.
    bool is_idle() const { return status_.idle.load(std::memory_order_acquire); }
    // A handler hangs in a worker that could not be joined: the process has to end without destroying
    // anything.
    bool hung() const { return status_.hung.load(std::memory_order_acquire); }
    // Work waits, nothing moves, and no outage explains it, for stall_timeout; or the thread itself is stuck.
    // Says what waits; empty: all is well.
    std::string stalled() const;
    // What ended it, if it was no stop; after ended().
    std::optional<Error> failure() const { return status_.failure(); }
    // It gave up draining at the deadline.
    bool out_of_time() const { return status_.out_of_time.load(std::memory_order_acquire); }
    // It ended by on_fail: stop, or because its dead-letter queue refused for good.
    bool stopped_by_message() const { return status_.stopped_by_message.load(std::memory_order_acquire); }
    ComponentSnapshot snapshot() const;

private:
    // opening.cpp
    bool open();
    template <typename Open>
    bool open_until(const char* what, const std::string& queue, delivery::Instant deadline, Open&& open_it);
    bool open_journal();
    bool start_workers(delivery::Instant deadline);
    void listen();

    // intake.cpp
    void loop();
    void turn();
    void wait();
    bool begin_drain();
    void take_reports();
    void settle();
    void commit();
    void hold_input();
    void keep_leases();
    void serve_output_queues();
    void fetch(std::uint32_t capacity, delivery::Millis wait);
    void note_idle(bool nothing_came);
    std::uint32_t room() const;
    delivery::Millis until_next() const;
    void fail(Error error);
    void input_failed(Error error);

    // partitions.cpp: called by the consumer, from within its own calls
    void assigned(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride);
    void revoked(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool lost);
    void drain_partitions(const std::vector<Assignment>& gone);
    bool may_announce(const char* event);
    void misuse(const std::string& what);

    // closing.cpp
    void shut_down();
    void join_workers(delivery::Instant deadline);
    void close_output_queues(delivery::Instant deadline);
    void close_input(delivery::Instant deadline);
    void settle_last(delivery::Instant deadline);
    void commit_last(delivery::Instant deadline);

    // publishing.cpp
    void publish();
    void publish(const Readiness& readiness);
    Readiness readiness() const;
    void watch_progress(const Readiness& readiness);
    void log_breaker();

    Pipeline& pipeline_;
    IntakeOptions options_;
    bool is_log_;
    ComponentStatus status_;
    delivery::Delivery core_;
    Input input_;
    WorkerPool workers_;
    MessageFailureLog failures_;
    Assignments assignments_;
    Fetcher fetcher_;
    Receiver receiver_;
    Reports reports_;
    Settler settler_;
    OffsetCommitter committer_;
    Transactor transactor_;
    LeaseKeeper leases_;
    FlowControl flow_;
    StallWatch stall_watch_;
    IdleWatch idle_watch_;
    StoreBackoff backoff_;
    volley_partition_events events_{};
    delivery::Instant now_{0};
    std::optional<delivery::Instant> drain_deadline_;
    bool breaker_was_open_ = false;
    std::thread::id thread_;            // run()'s
    bool in_revoked_ = false;           // a drain is going on inside of the consumer's call
    std::atomic<bool> misused_{false};  // another thread of the consumer called what only the intake's may
};

// The exit code of an engine that ends because of this error (sysexits; DESIGN of exit codes in
// docs/operations.md).
int exit_code_of(const Error& error);

}  // namespace volley::runtime

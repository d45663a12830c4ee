// The intake of a component: the thread that owns its consumer and its delivery core. It fetches messages,
// passes them to the workers, collects the results, settles and commits. Other classes do the work; the
// intake decides when. turn() is one pass that does not wait; wait() is the only wait while the intake runs.
// intake.cpp has the loop, opening.cpp what comes before it, closing.cpp what comes after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"
#include "runtime/assignments.hpp"
#include "runtime/backlog.hpp"
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
#include "runtime/retrying.hpp"
#include "runtime/settler.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/transactor.hpp"
#include "runtime/worker_pool.hpp"

namespace volley::runtime {

struct IntakeOptions {
    delivery::Millis startup_timeout{60'000};
    delivery::Millis shutdown_timeout{30'000};
    delivery::Millis stall_timeout{300'000};
    bool watch_idle = false;  // check is_idle() against the store's statistics; for --exit-when-idle
};

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
    // Starts the drain, after which the component ends.
    void stop();
    // The process is about to end while handlers run: their messages must not become suspects in the crash
    // journal.
    void cut_off() {
        if (pipeline_.journal) pipeline_.journal->forget_running();
    }
    // Fetches nothing until resumed; what is in flight goes on.
    void pause(bool paused);
    bool is_paused() const { return status_.paused.load(std::memory_order_acquire); }
    // The next snapshots have what the store says about the queue, a moment later.
    void want_backlog() { status_.backlog_wanted.store(true, std::memory_order_relaxed); }
    void wake() { pipeline_.completions.ring(); }
    // Stores the health that the consumer reports about itself.
    void health(std::uint32_t state, std::string text) { status_.set_health(state, std::move(text)); }
    // Everything is open: the connectors, and one handler per worker.
    bool is_open() const { return status_.opened.load(std::memory_order_acquire); }
    bool ended() const { return status_.ended.load(std::memory_order_acquire); }
    // Nothing is in flight, and the store has no message for this consumer.
    bool is_idle() const { return status_.idle.load(std::memory_order_acquire); }
    // A handler hangs in a worker that could not be joined. The process must end without destroying anything.
    bool hung() const { return status_.hung.load(std::memory_order_acquire); }
    // Returns what waits if, for stall_timeout, work has waited without progress and no outage explains it,
    // or if the intake thread itself hangs. Empty: no stall.
    std::string stalled() const;
    // Returns the error that ended the component; nothing if it was stopped. Call it after ended().
    std::optional<Error> failure() const { return status_.failure(); }
    // The component stopped draining at the deadline.
    bool out_of_time() const { return status_.out_of_time.load(std::memory_order_acquire); }
    // The component ended because of on_fail: stop, or because its dead-letter queue permanently refused a
    // message.
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

    // partitions.cpp: the consumer calls these from within its own calls
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
    void look_at_backlog();
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
    Retrying retrying_;
    Backlog backlog_;
    CauseClock cause_clock_;
    StallWatch stall_watch_;
    IdleWatch idle_watch_;
    StoreBackoff backoff_;
    volley_partition_events events_{};
    delivery::Instant now_{0};
    std::optional<delivery::Instant> drain_deadline_;
    std::string opening_;  // which queue cannot be opened, and why
    bool breaker_was_open_ = false;
    std::thread::id thread_;            // the one that executes run()
    bool in_revoked_ = false;           // a drain is in progress inside a call of the consumer
    std::atomic<bool> misused_{false};  // the consumer called from another thread what only this one may call
};

// Returns the exit code of an engine that ends because of this error (sysexits; see the exit codes in
// docs/operations.md).
int exit_code_of(const Error& error);

}  // namespace volley::runtime

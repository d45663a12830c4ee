// The intake of a component: the one thread that owns its consumer and its delivery core. It consumes, hands
// work to the workers, hears what became of it, settles and commits. Its verbs are files of their own:
// consume.cpp, settle.cpp, transact.cpp, rebalance.cpp; intake.cpp is the loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"
#include "runtime/call_status.hpp"
#include "runtime/lease_keeper.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/worker.hpp"

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
    void health(std::uint32_t state, std::string text);
    // Everything is open: the connectors, and a handler for each worker.
    bool is_open() const { return opened_.load(std::memory_order_acquire); }
    bool ended() const { return ended_.load(std::memory_order_acquire); }
    // Nothing in flight, and the store has nothing for us.
    bool is_idle() const { return idle_.load(std::memory_order_acquire); }
    // A handler hangs in a worker that could not be joined: the process has to end without destroying
    // anything.
    bool hung() const { return hung_.load(std::memory_order_acquire); }
    // Work waits, nothing moves, and no outage explains it, for stall_timeout; or the thread itself is stuck.
    // Says what waits; empty: all is well.
    std::string stalled() const;
    // What ended it, if it was no stop; after ended().
    std::optional<Error> failure() const;
    // It gave up draining at the deadline.
    bool out_of_time() const { return out_of_time_.load(std::memory_order_acquire); }
    // It ended by on_fail: stop, or because its dead-letter queue refused for good.
    bool stopped_by_message() const { return stopped_by_message_.load(std::memory_order_acquire); }
    ComponentSnapshot snapshot() const;

private:
    struct AssignedLane {
        std::string source;
        const void* source_data = nullptr;  // the plugin's pointer: the same for the same source
        std::int32_t partition = -1;
        std::uint32_t epoch = 0;
        delivery::Lane lane = 0;
    };

    // One commit of outputs and acks.
    struct Transaction {
        std::vector<delivery::Slot> slots;
        std::vector<volley_record> records;
        std::vector<volley_settlement> acks;
    };

    // intake.cpp
    bool open();
    template <typename Open>
    bool open_until(const char* what, const std::string& queue, delivery::Instant deadline, Open&& open_it);
    bool open_journal();
    bool start_workers(delivery::Instant deadline);
    void loop();
    void shut_down();
    void join_workers(delivery::Instant deadline);
    void fail(Error error);
    void input_failed(Error error);
    void serve_ports();
    void close_ports(delivery::Instant deadline);
    void close_input(delivery::Instant deadline);
    void publish();
    std::string why_not_ready() const;
    std::string handler_trouble() const;
    std::string outage() const;
    void watch_progress();
    void tell_of_breaker();
    delivery::Millis until_next(delivery::Instant now) const;

    // completions and dispatch: dispatch.cpp
    void hear();
    void hear_handled(const Completion& c);
    void hear_refusal(const Completion& c, std::string_view text);
    void hear_dead_letter(const Completion& c, std::string_view text);
    void discard_if_given_up(delivery::Slot slot);
    bool is_awaited(const Completion& c) const;
    void mistrust(const Completion& c);
    void stop_if_hopeless(const Completion& c, const std::string& queue, std::string_view text);
    void dispatch();
    bool give(std::uint32_t worker);
    std::uint32_t batch_limit() const;
    std::uint32_t batches_ahead() const;
    void log_failure(delivery::Slot slot);

    // consume.cpp
    void consume(delivery::Millis wait);
    void ask_identity();
    void receive(const volley_message& message, std::int64_t received_ms);
    void find_key(const volley_message& message, delivery::Incoming& incoming);
    void keep_probe(Work& work, delivery::Slot slot);
    void rest(delivery::Millis wait);
    std::uint32_t room() const;
    void consume_failed(const Error& error);
    void note_idle(bool nothing_came);
    delivery::Lane* lane_of(const volley_message& message);

    // settle.cpp
    void settle();
    void not_settled(const delivery::Settlement& settlement, std::int32_t result);
    void leave(std::uint64_t handle);
    // Returns false if what should have been committed was not.
    bool commit(bool wait, delivery::Millis timeout);
    void commit_last(delivery::Instant deadline);
    void keep_leases();
    delivery::Millis backoff(std::uint32_t failures);
    void keep_flow();

    // transact.cpp
    void find_transactions();
    void transact();
    bool begin_transaction();
    bool try_again();
    void fill(Transaction& transaction);

    // outcomes.cpp
    void take_outcomes(delivery::Millis wait);
    std::int32_t outcome(delivery::Millis wait, volley_error& error);
    bool conclude(Transaction transaction, std::int32_t status, const volley_error& error);
    void committed(const Transaction& transaction);
    void without_lost(Transaction transaction);
    void split(Transaction transaction, const Error& error);
    void await_outcomes(delivery::Instant deadline);
    void leave_transactions();
    bool has_transactions() const { return !taken_.empty() || !posted_.empty() || !again_.empty(); }

    // rebalance.cpp
    void listen();
    void assigned(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride);
    void revoked(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool lost);
    std::vector<AssignedLane>::iterator find_lane(std::string_view source, std::int32_t partition);
    volley_partition partition_of(const AssignedLane& lane, std::int64_t offset) const;

    Pipeline& pipeline_;
    plugins::Consumer consumer_;
    delivery::Delivery core_;
    delivery::Options core_options_;
    IntakeOptions options_;
    LeaseKeeper leases_;
    const volley_ext_partitions* partitions_ = nullptr;
    const volley_ext_log* log_ = nullptr;
    const volley_ext_inspect* inspect_ = nullptr;
    const volley_ext_atomic* atomic_ = nullptr;
    const volley_ext_identity* identity_ = nullptr;
    volley_partition_events events_{};
    // Only one that is open is called. What is over failed for good: it is closed, and nothing else.
    enum class Standing : std::uint8_t { unopened, open, over } input_ = Standing::unopened;
    std::function<void()> interrupt_;

    std::string store_text_;   // the input's identity, as it said last
    std::uint32_t store_ = 0;  // its index in Pipeline::stores; 0: it did not say
    std::uint32_t last_store_ = 0;
    bool store_told_ = false;  // that it has none
    std::vector<AssignedLane> lanes_;
    std::size_t last_lane_ = 0;  // where the last message's was
    bool was_assigned_ = false;
    bool paused_ = false;
    std::optional<delivery::Instant> held_since_;  // the window is full

    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::uint32_t> outstanding_;  // batches, by worker
    std::uint32_t in_workers_ = 0;            // messages
    std::uint32_t workers_ready_ = 0;

    delivery::Instant last_progress_{0};  // something was received, handled, confirmed, settled or committed
    delivery::Instant last_received_{0};
    delivery::Instant next_lag_look_{0};
    bool breaker_was_open_ = false;
    bool lags_ = false;                    // a log has messages for us, and none comes
    std::atomic<std::int64_t> turned_{0};  // when the loop last began a turn; ms of the monotonic clock
    std::atomic<std::int64_t> waiting_since_{0};  // for progress; 0: nothing waits for it

    // Reused every turn of the loop.
    Drained drained_;
    std::vector<delivery::Run> batch_;
    std::vector<delivery::Settlement> settlements_;
    std::vector<volley_settlement> to_settle_;
    std::vector<delivery::Commit> commits_;
    std::vector<volley_message> messages_;
    volley_message blank_{};  // copied, for zeroing so much is slow (rep stos)
    Work probe_;              // decoded for its key, before the core has a slot for it
    codec::Parsed probe_tree_;

    bool posts_ = false;                 // several may be on their way
    std::vector<delivery::Slot> taken_;  // from the core, and in no transaction yet
    std::deque<Transaction> posted_;     // oldest first
    std::deque<Transaction> again_;   // to be tried one by one in this order, when nothing is posted any more
    std::vector<Transaction> spare_;  // one at most, for its memory
    delivery::Instant next_transaction_{0};
    FailureLog transaction_failures_;

    delivery::Instant now_{0};
    delivery::Instant next_commit_{0};
    delivery::Instant next_try_{0};  // consume after a failure
    std::minstd_rand random_{std::random_device{}()};
    FailureLog consume_failures_;
    FailureLog settle_failures_;
    FailureLog commit_failures_;
    delivery::Instant nothing_since_{0};
    delivery::Instant next_stats_{0};
    delivery::Instant failure_log_since_{0};
    std::uint32_t failures_logged_ = 0;
    std::uint64_t failures_not_logged_ = 0;
    std::optional<delivery::Instant> drain_deadline_;
    bool source_ended_ = false;  // VOLLEY_END
    bool rebalancing_ = false;

    std::atomic<bool> stop_requested_{false};
    std::atomic<bool> ended_{false};
    std::atomic<bool> idle_{false};
    std::atomic<bool> hung_{false};
    std::atomic<bool> out_of_time_{false};
    std::atomic<bool> stopped_by_message_{false};
    std::atomic<bool> opened_{false};
    std::atomic<bool> input_up_{false};

    mutable std::mutex published_mutex_;
    ComponentSnapshot published_;
    std::string health_text_;
    std::uint32_t health_state_ = VOLLEY_UP;
    std::optional<Error> failure_;
};

// The exit code of an engine that ends because of this error (sysexits; DESIGN of exit codes in
// docs/operations.md).
int exit_code_of(const Error& error);

}  // namespace volley::runtime

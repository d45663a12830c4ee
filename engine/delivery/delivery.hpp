// The core of a component decides what happens to each message between receiving and settling it. Events are
// calls. Commands come out of take(), take_settlements() and take_commits(). The core is pure: it does no
// I/O, has no threads, gets the time as an argument, and draws random numbers from a seed.
//
// Invariants, whatever the order of the events:
//   - A message is acked only when all of its outputs, or its dead letter, are confirmed.
//   - On a log, the committable offset never passes an unfinished message.
//   - No two messages of an ordering group run at the same time, and none overtakes another.
//   - Every received message is settled exactly once, with ack, nack or release.
// A call that breaks the contract below ends the process in every build (VOLLEY_ASSERT), because a wrong ack
// would lose a message.
//
// Not thread-safe: the intake thread of the component owns it. Allocates only while it grows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "delivery/breaker.hpp"
#include "delivery/entry.hpp"
#include "delivery/ordering_groups.hpp"
#include "delivery/retry.hpp"
#include "delivery/types.hpp"
#include "delivery/window.hpp"

namespace volley::delivery {

class Delivery {
public:
    explicit Delivery(const Options& options);
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    // ---- lanes
    // A partition was assigned.
    Lane open_lane();
    // The partition is being revoked: starts nothing new of the lane, as stop() does for all lanes.
    void revoke(Lane lane);
    // Whether nothing of the lane runs or waits for a confirmation.
    bool is_drained(Lane lane) const;
    // The lane is gone: it was lost, or revoked and then drained, or the time for draining is over. Messages
    // that are still open will be released, whatever their result, and nothing of the lane is committed any
    // more. A lane that is opened later can get the same number.
    void end_lane(Lane lane);

    // ---- intake
    // Whether to fetch messages. Once max_in_flight or max_in_flight_bytes is reached, false until half of it
    // is free: pausing a log discards what its client has prefetched, so it should be rare. Also false while
    // the breaker is open and there is a message to try.
    bool wants_messages() const {
        return !full_ && !stopping_ && !(breaker_.is_open() && counters_.in_flight > 0);
    }
    // How many more messages, and how many bytes, may be received now.
    std::uint32_t room() const;
    std::uint64_t byte_room() const;
    // Opens a message. Returns no_slot if a log has delivered an offset again, or if the lane is revoked. The
    // caller then releases the delivery.
    Slot receive(const Incoming& incoming);
    // The message takes `bytes` more than Incoming::bytes: its decoded body is kept.
    void grow(Slot slot, std::uint64_t bytes);

    // ---- work
    // Moves up to `room` items for `worker` into `out`, and returns how many: outputs to send again and dead
    // letters first, then messages to handle. Requires: a worker processes its items in this order, because
    // it gets further messages of an ordering group while others of the group are still running there.
    std::uint32_t take(WorkItem* out, std::uint32_t room, std::uint32_t worker);
    bool has_work() const {
        return !urgent_.empty() || (!letters_.empty() && may_write_letter()) ||
               (groups_.has_runnable() && (!breaker_.is_open() || may_probe_) && startable() > 0);
    }
    // Whether something is in progress: a running handler, an unconfirmed output, or an item to take.
    bool is_active() const { return active_ > 0 || has_work(); }
    // Messages with a running handler or unconfirmed outputs.
    std::uint32_t active() const { return active_; }
    // A worker returns an item of Step::handle. For Verdict::ok it has handed `outputs` records to the
    // producers, whose reports may have come already, and keeps `held` bytes for them. `retry_after` is the
    // delay that the handler asked for, or 0; it is not limited by max_delay. Requires: the slot is running.
    void handled(Slot slot, Verdict verdict, std::uint32_t outputs, std::uint64_t held, Millis retry_after,
                 Reason reason, Instant now);
    // The report of one output. There is exactly one each time an output is handed to a producer. A second
    // report of one of the first 32 outputs of a message is detected: both functions then return false and do
    // nothing. confirmed() also does so for a report that is not awaited. send_failed() requires
    // is_awaited().
    bool confirmed(Slot slot, std::uint16_t life, std::uint32_t output, Instant now);
    // The same of several outputs at once, a bit each, right before handled(). Requires: the slot is running.
    bool confirmed_early(Slot slot, std::uint32_t outputs);
    bool send_failed(Slot slot, std::uint32_t output, SendFailure failure, Reason reason, Instant now);
    // Whether a report for this message can come. Accepts any numbers, because they come from a connector.
    bool is_awaited(Slot slot, std::uint16_t life, bool dead_letter) const {
        if (slot >= next_new_ || entries_[slot].life != life) return false;
        const State state = entries_[slot].state;
        if (dead_letter) return state == State::dead_lettering;
        return !transactions_ &&
               ((state == State::running && !entries_[slot].handled) || state == State::sending);
    }
    // Whether, before the worker returned the message, there were reports of outputs that it does not have.
    bool has_false_reports(Slot slot, std::uint32_t outputs) const {
        const Entry& entry = entries_[slot];
        return (outputs < reports_told && (entry.reported >> outputs) != 0) ||
               (outputs <= reports_told && entry.beyond);
    }
    // In place of handled(), after a false report: the message is released, because no report can be trusted.
    // Its input stays valid for the producers until each of its `outputs` has been reported; a bit of `early`
    // for each that was reported right before.
    void disown(Slot slot, std::uint32_t outputs, std::uint32_t early, Instant now);
    // The report of a Step::dead_letter.
    void dead_letter_confirmed(Slot slot);
    void dead_letter_failed(Slot slot, SendFailure failure, Instant now);

    // ---- transactions: one store commits outputs and acks together
    // From now on a message with outputs waits for take_transaction(), and its outputs get no reports.
    // Requires: nothing was received yet, and the input is not a log.
    void use_transactions();
    // Moves up to `most` handled messages, in the order in which they were handled, to the end of `out`. The
    // caller commits them, with as many tries as it needs, and then calls one of the next functions for each.
    void take_transaction(std::vector<Slot>& out, std::size_t most);
    // How many messages wait for take_transaction().
    std::size_t uncommitted() const { return uncommitted_.size(); }
    // Outputs and ack are committed, and the delivery is closed.
    void transacted(Slot slot);
    // Another consumer has received the message. Nothing of it was stored.
    void transaction_lost(Slot slot);
    // The store will never accept its outputs.
    void transaction_refused(Slot slot, Reason reason, Instant now);
    // Given up because of a stop. The transaction may have been committed.
    void transaction_released(Slot slot);

    // ---- leases
    // Another consumer has received the message: it will be released, whatever its result.
    void lose(Slot slot);

    // ---- settling
    // Moves the due settlements to the end of `out`. The caller then calls settled() or settle_again() for
    // each.
    void take_settlements(std::vector<Settlement>& out);
    // The consumer has closed the delivery. `lost`: another consumer had received the message before.
    void settled(Slot slot, bool lost);
    // The store could not be reached: try again after a backoff.
    void settle_again(Slot slot, Instant now);
    // Moves the offsets that may be committed, and were not taken yet, to the end of `out`.
    void take_commits(std::vector<Commit>& out);
    bool has_commits() const { return !dirty_.empty(); }
    // The commit failed: take_commits() returns it again.
    void commit_again(Lane lane);

    // ---- time
    void tick(Instant now);
    Instant next_due() const {
        return std::min(timers_.next(), groups_.has_runnable() && !may_probe_ ? breaker_.due() : never);
    }

    bool has_timers() const { return timers_.next() != never; }
    // Calls visit(slot, due) for each message that waits for a time; for `most` timers at most.
    template <typename Visit>
    void for_each_timer(std::size_t most, Visit&& visit) const {
        timers_.for_each(most, [&](const Timers::Timer& timer) {
            if (entries_[timer.slot].generation == timer.generation) visit(timer.slot, timer.due);
        });
    }
    // When the next message is tried while the breaker is open; `never` if one is being tried.
    Instant next_probe() const { return breaker_.due(); }

    // ---- stopping, which never fails a message
    // Starts no more handlers, and releases messages that have not started. Those that run are finished and
    // settled.
    void stop();
    // Stops waiting for confirmations: each message is released as soon as no worker and no producer has it.
    void abort();
    bool is_idle() const { return counters_.in_flight == 0 && unsettled_ == 0; }
    // All producers are closed, so no more reports come. Requires: abort() was called, and no worker runs.
    void end_reports();
    // Makes all open settlements due now, without waiting for their backoff.
    void settle_now();
    // The core has stopped itself: a message failed with on_fail: stop, or the dead-letter queue refused a
    // dead letter for good. failed_slot() is the first such message.
    bool failed() const { return failed_; }
    Slot failed_slot() const { return failed_slot_; }

    // ---- status
    const Counters& counters() const { return counters_; }
    const Entry& entry(Slot slot) const { return entries_[slot]; }
    // Messages that have used up their attempts and are still retried; dead letters that their queue does not
    // accept now.
    std::uint32_t exhausted() const { return exhausted_; }
    std::uint32_t dead_letters_waiting() const { return dead_letters_waiting_; }
    // The input is held back, and one message at a time is tried: see breaker.hpp.
    bool breaker_is_open() const { return breaker_.is_open(); }
    // Calls visit(slot, entry) for each delivery that the consumer has not closed.
    template <typename Visit>
    void for_each_open(Visit&& visit) const {
        for (Slot slot = 0; slot < next_new_; ++slot) {
            const State state = entries_[slot].state;
            if (state != State::free && state != State::settled) visit(slot, entries_[slot]);
        }
    }

private:
    struct LaneState {
        Window window;
        OrderingGroup group = no_group;    // order partition
        std::uint32_t active = 0;          // messages that run or wait for a confirmation
        std::uint32_t open = 0;            // slots in use
        std::int64_t newest_started = -1;  // offset
        std::int64_t committed = -1;       // the last offset that take_commits() returned
        bool in_use = false;
        bool revoked = false;
        bool ended = false;
        bool dirty = false;
    };

    Slot allocate();
    bool note_report(Entry& entry, std::uint32_t output, bool again);
    bool is_whole(const Entry& entry) const;
    void hold(Entry& entry, std::uint64_t bytes);
    void expect(Entry& entry, bool outputs) {
        if (entry.expecting == outputs) return;
        entry.expecting = outputs;
        expecting_ += outputs ? 1U : ~0U;
        if (expected_outputs_ > 0) update_full();
    }
    void weigh_outputs(Entry& entry, std::uint64_t held);
    std::uint64_t weight() const {
        return counters_.in_flight_bytes + counters_.held_bytes + expecting_ * expected_outputs_;
    }
    std::uint64_t output_budget() const;
    std::uint32_t startable() const;
    std::uint64_t letter_size(const Entry& entry) const;
    bool may_write_letter() const;
    std::uint32_t take_letters(WorkItem* out, std::uint32_t room);
    void set_active(Entry& entry, State state);
    void set_passive(Entry& entry, State state);
    bool is_stopping(const Entry& entry) const;
    bool is_needed(const Entry& entry) const;
    bool try_once_more(Slot slot);
    void release_behind(OrderingGroup group, std::int64_t offset);
    void succeed(Slot slot, Instant now);
    void fail_attempt(Slot slot, Millis retry_after, bool probe, Instant now);
    void give_up(Slot slot, FailureAction action, Instant now);
    Millis send_delay(Entry& entry);
    void after_reports(Slot slot, Instant now);
    void wait(Slot slot, State state, Instant due);
    void finish(Slot slot, SettlementKind kind, Millis delay);
    void begin_settling(Slot slot, SettlementKind kind, Millis delay);
    void release_uncommitted();
    void release(Slot slot, bool lease_lost = false);
    void release_waiting(Slot slot);
    void free_if_over(Slot slot);
    void free_lane_if_over(Lane lane);
    void update_full();
    void fail_component(Slot slot);
    void for_lane(Lane lane, void (Delivery::*visit)(Slot));
    void orphan(Slot slot);

    Options options_;
    Entries entries_;
    Entry blank_;  // copied, because zeroing an entry compiles to a slow rep stos
    OrderingGroups groups_;
    Backoff backoff_;
    Breaker breaker_;
    Timers timers_;
    std::vector<LaneState> lanes_;
    std::vector<Lane> free_lanes_;
    std::vector<Lane> dirty_;
    std::vector<Settlement> settlements_;
    std::vector<Slot> urgent_;  // to send again; first in, first out from urgent_taken_
    std::size_t urgent_taken_ = 0;
    std::deque<Slot> letters_;       // dead letters to send, also those that wait for memory
    std::vector<Slot> uncommitted_;  // for the next transaction; first in, first out
    bool transactions_ = false;
    Slot free_head_ = no_slot;
    Slot next_new_ = 0;
    std::uint32_t slots_in_use_ = 0;
    std::uint32_t unsettled_ = 0;  // finished, but not closed by the consumer
    std::uint64_t lane_identity_ = 0;
    Counters counters_;
    std::uint32_t expecting_ = 0;         // messages whose outputs are still expected
    std::uint64_t expected_outputs_ = 0;  // average bytes of the outputs of a message
    std::uint32_t running_ = 0;           // handlers started and not returned
    std::uint32_t exhausted_ = 0;
    std::uint32_t dead_letters_waiting_ = 0;
    std::uint32_t active_ = 0;  // of all lanes
    bool may_probe_ = false;    // the breaker is open, and a probe is due
    bool full_ = false;
    bool stopping_ = false;
    bool aborting_ = false;
    bool failed_ = false;
    Slot failed_slot_ = no_slot;
};

}  // namespace volley::delivery

// The core of a component: what happens between consume and delete. Events come in as calls, commands go out
// through take(), take_settlements() and take_commits(). Pure: no I/O, no clock (the time is an argument), no
// threads, seeded.
//
// What it keeps, whatever comes in whatever order:
//   - a message is acked only when every output of it, or its dead letter, is confirmed;
//   - on a log, a committable offset never passes an unfinished message;
//   - of a chain (partition or key) nothing overlaps and nothing overtakes;
//   - every message that was received is settled exactly once, with ack, nack or leave.
// A call that breaks the contract below stops the process (assert, in every build): better dead than a wrong
// ack.
//
// Not thread-safe: the intake thread of the component owns it. Allocates only while it grows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "delivery/breaker.hpp"
#include "delivery/entry.hpp"
#include "delivery/lanes.hpp"
#include "delivery/retry.hpp"
#include "delivery/types.hpp"
#include "delivery/window.hpp"

namespace volley::delivery {

class Delivery {
public:
    explicit Delivery(const Options& options);
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    // ---- lanes: a partition was assigned; is being taken away; is gone
    Lane open_lane();
    // Starts nothing new of the lane, as stop() does for all; see is_drained().
    void revoke(Lane lane);
    // Nothing of it runs or waits for a confirmation.
    bool is_drained(Lane lane) const;
    // The lane is gone (lost, or revoked and drained or out of time): what is still open will be released,
    // whatever becomes of it, and nothing of it is committed any more. The number may be given to a lane
    // opened later.
    void end_lane(Lane lane);

    // ---- intake
    // False between a full window and a half empty one: wide, because pausing a log throws away what it
    // prefetched. Also while the breaker is open and there is a message to try.
    bool wants_messages() const {
        return !full_ && !stopping_ && !(breaker_.is_open() && counters_.in_flight > 0);
    }
    // How many more may be received now, and how many bytes.
    std::uint32_t room() const;
    std::uint64_t byte_room() const;
    // Opens a message, before anything else is done with it. Returns no_slot if it is known already (a log
    // that hands out an offset again): the caller then leaves the delivery.
    Slot receive(const Incoming& incoming);
    // More is kept of the input than was said at receive(): its decoded body.
    void grow(Slot slot, std::uint64_t bytes);

    // ---- work
    // Moves up to `room` things for `worker` to do into `out` and returns how many: outputs to send again and
    // dead letters first, then messages to handle. A worker does what it was given in the order in which it
    // was given: of a chain that it has running it gets more.
    std::uint32_t take(Run* out, std::uint32_t room, std::uint32_t worker);
    bool has_work() const {
        return !urgent_.empty() || (!letters_.empty() && may_write_letter()) ||
               (chains_.has_runnable() && (!breaker_.is_open() || may_probe_) && startable() > 0);
    }
    // Is something in hand that must move by itself: a handler that runs, an output that is to be confirmed?
    bool is_active() const { return active_ > 0 || has_work(); }
    // A worker returns a Step::handle. ok: it handed `outputs` records to the producers, whose reports may
    // have come already, and keeps `held` bytes for them. retry_after: the handler's wish, which is honoured
    // in full; 0 none. Requires: the slot is running.
    void handled(Slot slot, Verdict verdict, std::uint32_t outputs, std::uint64_t held, Millis retry_after,
                 Reason reason, Instant now);
    // Reports of single outputs: exactly one for each that was handed over, also when handed over again. Of
    // the first 32 outputs of a message a second report is noticed: then the two return false, and do
    // nothing. confirmed() does the same of any report that is not awaited; send_failed() requires
    // is_awaited().
    bool confirmed(Slot slot, std::uint16_t life, std::uint32_t output, Instant now);
    // The same of several outputs at once, a bit each, right before handled(). Requires: the slot is running.
    bool confirmed_early(Slot slot, std::uint32_t outputs);
    bool send_failed(Slot slot, std::uint32_t output, SendFailure failure, Reason reason, Instant now);
    // Whether a report of that message may come, whatever numbers a connector gives.
    bool is_awaited(Slot slot, std::uint16_t life, bool dead_letter) const {
        if (slot >= next_new_ || entries_[slot].life != life) return false;
        const State state = entries_[slot].state;
        if (dead_letter) return state == State::dead_lettering;
        return !transactions_ &&
               ((state == State::running && !entries_[slot].handled) || state == State::sending);
    }
    // Whether reports came of outputs that the message did not have, before the worker returned it.
    bool has_false_reports(Slot slot, std::uint32_t outputs) const {
        const Entry& entry = entries_[slot];
        return (outputs < reports_told && (entry.reported >> outputs) != 0) ||
               (outputs <= reports_told && entry.beyond);
    }
    // In the place of handled(): no report of it can be believed. It is released.
    void disown(Slot slot);
    // The report of a Step::dead_letter.
    void dead_letter_confirmed(Slot slot);
    void dead_letter_failed(Slot slot, SendFailure failure, Instant now);

    // ---- transactions: outputs and acks become one commit of a store that has both
    // From now on a message with outputs waits for take_transaction(), and no reports of them come. Call it
    // before the first receive(); not for a log.
    void use_transactions();
    // Moves up to `most` handled messages, in the order in which they were handled, to the end of `out`. Each
    // is answered by one of the four below; until then it may be tried as often as it takes.
    void take_transaction(std::vector<Slot>& out, std::size_t most);
    // How many wait for it.
    std::size_t uncommitted() const { return uncommitted_.size(); }
    // Its outputs and its ack are durable: the delivery is closed.
    void transacted(Slot slot);
    // It was not ours any more, and nothing of it was stored.
    void transaction_lost(Slot slot);
    // The store will never take its outputs.
    void transaction_refused(Slot slot, Reason reason, Instant now);
    // Given up, because of a stop: it may or may not have happened.
    void transaction_released(Slot slot);

    // ---- leases
    // The store gave it to another: whatever becomes of it here, it is released.
    void lose(Slot slot);

    // ---- settling
    // Moves what is to be settled to the end of `out`. Each is answered by settled() or settle_again().
    void take_settlements(std::vector<Settlement>& out);
    // The consumer closed the delivery. lost: it was not ours any more.
    void settled(Slot slot, bool lost);
    // The store could not be reached: once more, later.
    void settle_again(Slot slot, Instant now);
    // Moves what may be committed, and was not yet taken, to the end of `out`.
    void take_commits(std::vector<Commit>& out);
    bool has_commits() const { return !dirty_.empty(); }
    // The commit did not happen: take it again.
    void commit_again(Lane lane);

    // ---- time
    void tick(Instant now);
    Instant next_due() const {
        return std::min(timers_.next(), chains_.has_runnable() && !may_probe_ ? breaker_.due() : never);
    }

    // ---- stopping: never a failure of a message
    // Starts no handler any more and releases what has not started; what runs is carried through to its
    // settlement.
    void stop();
    // Gives up on what is not confirmed: released as soon as no worker and no producer has it in hand.
    void abort();
    bool is_idle() const { return counters_.in_flight == 0 && unsettled_ == 0; }
    // All producers are closed: what they have not reported by now, they never will. Requires: abort(), and
    // no worker is at work.
    void end_reports();
    // What is not settled yet, once more and at once.
    void settle_now();
    // on_fail: stop was reached, or the dead-letter queue refused for good. The core has stopped itself.
    bool failed() const { return failed_; }
    Slot failed_slot() const { return failed_slot_; }

    // ---- looking
    const Counters& counters() const { return counters_; }
    const Entry& entry(Slot slot) const { return entries_[slot]; }
    // Messages whose attempts are used up and that are tried on; dead letters that their queue does not take
    // now.
    std::uint32_t exhausted() const { return exhausted_; }
    std::uint32_t dead_letters_waiting() const { return dead_letters_waiting_; }
    // Everything fails: the input is held back, and one message at a time is tried.
    bool breaker_is_open() const { return breaker_.is_open(); }
    // Calls visit(slot, entry) for every delivery that is open at the consumer.
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
        Chain chain = no_chain;            // order partition
        std::uint32_t active = 0;          // run, or wait for a confirmation
        std::uint32_t open = 0;            // slots in use
        std::int64_t newest_started = -1;  // offset
        std::int64_t committed = -1;       // handed out by take_commits
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
    std::uint32_t take_letters(Run* out, std::uint32_t room);
    void set_active(Entry& entry, State state);
    void set_passive(Entry& entry, State state);
    bool is_stopping(const Entry& entry) const;
    bool is_needed(const Entry& entry) const;
    bool try_once_more(Slot slot);
    void leave_behind(Chain chain, std::int64_t offset);
    void succeed(Slot slot, Instant now);
    void fail_attempt(Slot slot, Millis retry_after, bool probe, Instant now);
    void give_up(Slot slot, Last last, Instant now);
    Millis send_delay(Entry& entry);
    void after_reports(Slot slot, Instant now);
    void wait(Slot slot, State state, Instant due);
    void finish(Slot slot, Outcome outcome, Millis delay);
    void conclude(Slot slot, Outcome outcome, Millis delay);
    void leave_uncommitted();
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
    Entry blank_;  // copied, because zeroing so much compiles to a slow rep stos
    Chains chains_;
    Backoff backoff_;
    Breaker breaker_;
    Timers timers_;
    std::vector<LaneState> lanes_;
    std::vector<Lane> free_lanes_;
    std::vector<Lane> dirty_;
    std::vector<Settlement> settlements_;
    std::vector<Slot> urgent_;  // to send again; first in, first out from urgent_taken_
    std::size_t urgent_taken_ = 0;
    std::deque<Slot> letters_;       // dead letters to send; they wait for bytes, too
    std::vector<Slot> uncommitted_;  // for the next transaction; first in, first out
    bool transactions_ = false;
    Slot free_head_ = no_slot;
    Slot next_new_ = 0;
    std::uint32_t slots_in_use_ = 0;
    std::uint32_t unsettled_ = 0;  // finished, and the consumer has not closed them yet
    std::uint64_t lane_identity_ = 0;
    Counters counters_;
    std::uint32_t expecting_ = 0;         // entries of which outputs are expected
    std::uint64_t expected_outputs_ = 0;  // bytes of a message's outputs, on average
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

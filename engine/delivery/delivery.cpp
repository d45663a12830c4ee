#include "delivery/delivery.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "invariant.hpp"

namespace volley::delivery {

Delivery::Delivery(const Options& options)
    : options_(options),
      groups_(entries_),
      backoff_(options.initial_delay, options.max_delay, options.seed),
      breaker_(
          options.on_exhausted == FailureAction::dead_letter || options.on_exhausted == FailureAction::drop,
          options.max_delay) {}

// ---- lanes

Lane Delivery::open_lane() {
    Lane lane;
    if (free_lanes_.empty()) {
        lane = static_cast<Lane>(lanes_.size());
        lanes_.emplace_back();
    } else {
        lane = free_lanes_.back();
        free_lanes_.pop_back();
        lanes_[lane] = LaneState{};
    }
    lanes_[lane].in_use = true;
    // One table has both: identities of lanes are odd, those of keys even.
    if (options_.order == Order::partition) lanes_[lane].group = groups_.join(++lane_identity_ * 2 + 1);
    return lane;
}

// ---- intake

std::uint32_t Delivery::room() const {
    if (!wants_messages() || slots_in_use_ >= options_.max_in_flight) return 0;
    if (breaker_.is_open()) return 1;  // the probe
    const std::uint32_t room = options_.max_in_flight - slots_in_use_;
    if (expected_outputs_ == 0) return room;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(byte_room() / expected_outputs_, 1, room));
}

std::uint64_t Delivery::byte_room() const {
    return std::max<std::uint64_t>(
        options_.max_in_flight_bytes - std::min(options_.max_in_flight_bytes, weight()), 1);
}

Slot Delivery::allocate() {
    ++slots_in_use_;
    if (free_head_ != no_slot) {
        const Slot slot = free_head_;
        free_head_ = entries_[slot].group_next;
        return slot;
    }
    entries_.grow_to(next_new_);
    return next_new_++;
}

Slot Delivery::receive(const Incoming& incoming) {
    VOLLEY_ASSERT(incoming.lane < lanes_.size() && lanes_[incoming.lane].in_use);
    const Slot slot = allocate();
    Entry& entry = entries_[slot];
    const std::uint32_t generation = entry.generation;
    const std::uint16_t life = entry.life;
    entry = blank_;
    entry.generation = generation;
    entry.life = life;
    entry.handle = incoming.handle;
    entry.offset = incoming.offset;
    entry.lane = incoming.lane;
    entry.bytes = incoming.bytes;
    LaneState& lane = lanes_[incoming.lane];
    if (options_.log && (lane.revoked || !lane.window.open(entries_, slot))) {
        entry.group_next = free_head_;
        free_head_ = slot;
        --slots_in_use_;
        return no_slot;
    }
    ++entry.life;
    ++lane.open;
    ++counters_.received;
    if (incoming.redelivered) ++counters_.redelivered;
    ++counters_.in_flight;
    counters_.in_flight_bytes += entry.bytes;
    expect(entry, true);
    entry.state = State::waiting;
    if (options_.order == Order::partition) {
        entry.group = lane.group;
    } else if (options_.order == Order::key && incoming.has_key) {
        entry.group = groups_.join((incoming.key_hash ^ (std::uint64_t{incoming.lane} << 48U)) * 2);
    }
    if (stopping_)
        release(slot);
    else
        groups_.append(slot);
    update_full();
    return slot;
}

void Delivery::update_full() {
    const std::uint64_t bytes = weight();
    if (slots_in_use_ >= options_.max_in_flight || bytes >= options_.max_in_flight_bytes) {
        full_ = true;
    } else if (full_ && slots_in_use_ <= options_.max_in_flight / 2 &&
               bytes <= options_.max_in_flight_bytes / 2) {
        full_ = false;
    }
}

// ---- work

void Delivery::set_active(Entry& entry, State state) {
    entry.state = state;
    ++lanes_[entry.lane].active;
    ++active_;
}

void Delivery::set_passive(Entry& entry, State state) {
    entry.state = state;
    VOLLEY_ASSERT(lanes_[entry.lane].active > 0);
    --lanes_[entry.lane].active;
    --active_;
}

std::uint32_t Delivery::take(WorkItem* out, std::uint32_t room, std::uint32_t worker) {
    std::uint32_t taken = 0;
    while (taken < room && urgent_taken_ < urgent_.size()) {
        const Slot slot = urgent_[urgent_taken_++];
        Entry& entry = entries_[slot];
        if (entry.orphan) {
            release(slot);
            continue;
        }
        set_active(entry, State::sending);
        ++entry.life;
        entry.outputs_failed = 0;
        entry.reported &= ~entry.refused;
        entry.refused = 0;
        out[taken++] = WorkItem{slot, Step::send_again, entry.group, entry.attempt, 0};
    }
    if (urgent_taken_ == urgent_.size()) {
        urgent_.clear();
        urgent_taken_ = 0;
    }
    if (!letters_.empty()) taken += take_letters(out + taken, room - taken);
    room -= taken;
    if (breaker_.is_open()) room = std::min(room, may_probe_ ? 1U : 0U);
    room = std::min(room, startable());
    // Outputs of two messages in a producer at a time could overtake if it fails one of them.
    const bool together = options_.pipelined || transactions_;
    const std::uint32_t from_groups = groups_.take(out + taken, room, worker, together);
    active_ += from_groups;
    running_ += from_groups;
    for (std::uint32_t i = 0; i < from_groups; ++i) {
        Entry& entry = entries_[out[taken + i].slot];
        entry.worker = static_cast<std::uint16_t>(worker);
        entry.probe = breaker_.is_open();
        if (entry.probe) {
            breaker_.probe();
            may_probe_ = false;
        }
        LaneState& lane = lanes_[entry.lane];
        ++lane.active;
        if (entry.offset > lane.newest_started) lane.newest_started = entry.offset;
    }
    return taken + from_groups;
}

bool Delivery::is_stopping(const Entry& entry) const {
    return stopping_ || entry.orphan || lanes_[entry.lane].revoked;
}

void Delivery::handled(Slot slot, Verdict verdict, std::uint32_t outputs, std::uint64_t held,
                       Millis retry_after, Reason reason, Instant now) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::running && !entry.handled);
    entry.handled = true;
    --running_;
    const bool probe = entry.probe;
    entry.probe = false;
    if (verdict == Verdict::ok || verdict == Verdict::drop) {
        expect(entry, false);
        if (held > 0 || expected_outputs_ > 0) weigh_outputs(entry, held);
        breaker_.succeeded();
    } else {
        if (probe) breaker_.probe_failed(verdict == Verdict::retry, now);
        groups_.stop_flow(entry.group);
    }
    switch (verdict) {
        case Verdict::drop:
            entry.dropped = true;
            [[fallthrough]];
        case Verdict::ok:
            entry.outputs_left += static_cast<std::int32_t>(outputs);
            succeed(slot, now);
            return;
        case Verdict::not_started:
            --entry.attempt;
            set_passive(entry, State::waiting);
            if (is_stopping(entry) && !is_needed(entry)) return release(slot);
            if (entry.group == no_group) return groups_.put_back(slot);
            return groups_.end_hold(slot);
        case Verdict::retry:
        case Verdict::fail:
            break;
    }
    VOLLEY_ASSERT(outputs == 0 && entry.outputs_left == 0);
    set_passive(entry, State::backing_off);
    // An attempt that was cut off by a stop or a revocation is not counted.
    if (entry.orphan) return release(slot);
    if (verdict == Verdict::retry && is_stopping(entry)) {
        if (!try_once_more(slot)) release(slot);
        return;
    }
    ++counters_.failures[known(reason)];
    entry.reason = known(reason);
    if (verdict == Verdict::fail) return give_up(slot, options_.on_permanent, now);
    if (entry.attempt == 1) breaker_.first_attempt_failed();
    fail_attempt(slot, retry_after, probe, now);
}

void Delivery::succeed(Slot slot, Instant now) {
    Entry& entry = entries_[slot];
    if (transactions_ && entry.outputs_left > 0) {
        // Transactions keep the order of their messages, so that the next of the group may start.
        entry.state = State::uncommitted;
        entry.outputs_left = 0;
        uncommitted_.push_back(slot);
        groups_.unlink(slot);
        groups_.end_hold(slot);
        if (aborting_) release_uncommitted();
        return;
    }
    entry.state = State::sending;
    // A failed output holds the group until it has been sent again. A message without outputs to wait for
    // leaves its group when it settles, at once.
    if (options_.pipelined && entry.outputs_left > 0 && entry.outputs_failed == 0 && !entry.permanent) {
        groups_.unlink(slot);
        groups_.end_hold(slot);
    }
    after_reports(slot, now);
}

void Delivery::fail_attempt(Slot slot, Millis retry_after, bool probe, Instant now) {
    Entry& entry = entries_[slot];
    const bool used_up = entry.attempt >= options_.max_attempts;
    if (used_up && options_.on_exhausted != FailureAction::keep_trying && breaker_.exhausted(probe, now))
        return give_up(slot, options_.on_exhausted, now);
    if (used_up && !entry.exhausted) {
        entry.exhausted = true;
        ++exhausted_;
    }
    ++counters_.retries;
    Millis delay = used_up && !breaker_.is_open() ? options_.max_delay : backoff_.delay(entry.attempt);
    if (retry_after > Millis(0)) delay = used_up ? std::max(delay, retry_after) : retry_after;
    wait(slot, State::backing_off, now + delay);
}

void Delivery::give_up(Slot slot, FailureAction action, Instant now) {
    hold(entries_[slot], 0);
    expect(entries_[slot], false);
    switch (action) {
        case FailureAction::dead_letter:
            entries_[slot].state = State::dead_letter_queued;
            entries_[slot].send_tries = 0;
            letters_.push_back(slot);
            return;
        case FailureAction::requeue:
            ++counters_.requeued;
            return finish(slot, SettlementKind::nack, options_.max_delay);
        case FailureAction::drop:
            ++counters_.dropped;
            return finish(slot, SettlementKind::ack, Millis(0));
        case FailureAction::stop:
            return fail_component(slot);
        case FailureAction::keep_trying:
            wait(slot, State::backing_off, now + options_.max_delay);
    }
}

void Delivery::fail_component(Slot slot) {
    if (!failed_) failed_slot_ = slot;
    failed_ = true;
    release(slot);
    stop();
}

// ---- reports

inline bool Delivery::note_report(Entry& entry, std::uint32_t output, bool again) {
    if (output >= reports_told) {
        entry.beyond = true;
        return true;
    }
    const std::uint32_t bit = std::uint32_t{1} << output;
    if ((entry.reported & bit) != 0) return false;
    entry.reported |= bit;
    if (again) entry.refused |= bit;
    return true;
}

void Delivery::disown(Slot slot, std::uint32_t outputs, std::uint32_t early, Instant now) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::running && !entry.handled);
    const std::uint32_t own = outputs < reports_told ? (std::uint32_t{1} << outputs) - 1
                                                     : std::numeric_limits<std::uint32_t>::max();
    entry.reported = (entry.reported | early) & own;
    entry.beyond = entry.beyond && outputs > reports_told;
    entry.outputs_left = static_cast<std::int32_t>(outputs) - std::popcount(entry.reported);
    entry.outputs_failed = 0;
    entry.handled = true;
    entry.orphan = true;
    --running_;
    entry.state = State::sending;
    after_reports(slot, now);
}

// Whether the reported outputs are the first ones, without a gap. This is the case when all are reported.
inline bool Delivery::is_whole(const Entry& entry) const {
    if (entry.beyond) return entry.reported == std::numeric_limits<std::uint32_t>::max();
    return (entry.reported & (entry.reported + 1)) == 0;
}

bool Delivery::confirmed(Slot slot, std::uint16_t life, std::uint32_t output, Instant now) {
    if (!is_awaited(slot, life, false)) return false;
    Entry& entry = entries_[slot];
    if (!note_report(entry, output, false)) return false;
    // The last report reveals whether an earlier one was of an output that the message does not have.
    if (entry.state == State::sending && entry.outputs_left == 1 && !is_whole(entry)) return false;
    --entry.outputs_left;
    entry.stored = true;
    if (entry.state == State::sending) after_reports(slot, now);
    return true;
}

bool Delivery::confirmed_early(Slot slot, std::uint32_t outputs) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::running && !entry.handled);
    if ((entry.reported & outputs) != 0) return false;
    entry.reported |= outputs;
    for (; outputs != 0; outputs &= outputs - 1) --entry.outputs_left;
    entry.stored = true;
    return true;
}

bool Delivery::send_failed(Slot slot, std::uint32_t output, SendFailure failure, Reason reason, Instant now) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::running || entry.state == State::sending);
    if (!note_report(entry, output, failure != SendFailure::permanent)) return false;
    if (failure == SendFailure::unknown) {
        ++counters_.possible_duplicates;
        entry.stored = true;
    }
    if (failure == SendFailure::permanent || entry.orphan) {
        --entry.outputs_left;
        entry.permanent = entry.permanent || failure == SendFailure::permanent;
        if (failure == SendFailure::permanent) entry.reason = known(reason);
    } else {
        ++entry.outputs_failed;
    }
    groups_.hold(slot);  // until the output is stored, or the message has become a dead letter
    if (entry.state == State::sending) after_reports(slot, now);
    return true;
}

// The backoff before an output is sent again. It is short, so that work continues soon after an outage.
Millis Delivery::send_delay(Entry& entry) {
    constexpr Millis longest{2000};
    return std::min(backoff_.delay(++entry.send_tries), longest);
}

// Decides what happens next, once no producer has an output of the message.
void Delivery::after_reports(Slot slot, Instant now) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.outputs_left >= 0);
    if (entry.outputs_left > entry.outputs_failed) return;
    set_passive(entry, State::resend_wait);
    if (entry.orphan) return release(slot);
    if (entry.outputs_left > 0) {
        if (aborting_) return release(slot);
        return wait(slot, State::resend_wait, now + send_delay(entry));
    }
    if (entry.permanent) {
        ++counters_.failures[entry.reason];
        return give_up(slot, options_.on_permanent, now);
    }
    ++(entry.dropped ? counters_.dropped : counters_.done);
    // An ACK with a reason is of a message that was given up. What an earlier attempt left is still in
    // memory.
    entry.grown = entry.grown || entry.reason != 0;
    entry.reason = 0;
    finish(slot, SettlementKind::ack, Millis(0));
}

void Delivery::dead_letter_confirmed(Slot slot) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::dead_lettering);
    set_passive(entry, State::dead_letter_wait);
    if (entry.orphan) return release(slot);
    if (entry.send_tries > 0) --dead_letters_waiting_;
    ++counters_.dead;
    finish(slot, SettlementKind::ack, Millis(0));
}

void Delivery::dead_letter_failed(Slot slot, SendFailure failure, Instant now) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::dead_lettering);
    set_passive(entry, State::dead_letter_wait);
    hold(entry, 0);
    if (entry.orphan || aborting_) return release(slot);
    if (failure == SendFailure::permanent) return fail_component(slot);
    if (failure == SendFailure::unknown) ++counters_.possible_duplicates;
    if (entry.send_tries == 0) ++dead_letters_waiting_;
    wait(slot, State::dead_letter_wait, now + send_delay(entry));
}

// ---- time

void Delivery::wait(Slot slot, State state, Instant due) {
    entries_[slot].state = state;
    timers_.add({due, slot, entries_[slot].generation});
}

void Delivery::tick(Instant now) {
    may_probe_ = breaker_.may_probe(now);
    while (timers_.next() <= now) {
        const Timers::Timer timer = timers_.pop();
        Entry& entry = entries_[timer.slot];
        if (entry.generation != timer.generation) continue;
        switch (entry.state) {
            case State::backing_off:
                entry.state = State::waiting;
                if (entry.group == no_group)
                    groups_.append(timer.slot);
                else
                    groups_.end_hold(timer.slot);
                break;
            case State::resend_wait:
                entry.state = State::resend_queued;
                urgent_.push_back(timer.slot);
                break;
            case State::dead_letter_wait:
                entry.state = State::dead_letter_queued;
                letters_.push_back(timer.slot);
                break;
            case State::settling:
                settlements_.push_back({timer.slot, entry.handle, entry.settlement, entry.nack_delay,
                                        entry.reason, entry.attempt, false});
                break;
            default:
                // No other state has a timer.
                VOLLEY_ASSERT(entry.state == State::settling);
        }
    }
}

}  // namespace volley::delivery

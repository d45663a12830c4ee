// Releases: at a revocation, after a lost lease and at a stop. A release counts no attempt. On a log, no
// message is released if one behind it has started.
#include "delivery/delivery.hpp"
#include "invariant.hpp"

namespace volley::delivery {

void Delivery::revoke(Lane lane) {
    lanes_[lane].revoked = true;
    for_lane(lane, &Delivery::release_waiting);
}

bool Delivery::is_drained(Lane lane) const {
    if (lanes_[lane].active > 0) return false;
    for (Slot slot = 0; slot < next_new_; ++slot) {
        if (entries_[slot].state == State::waiting && entries_[slot].lane == lane) return false;
    }
    return true;
}

void Delivery::end_lane(Lane lane) {
    LaneState& state = lanes_[lane];
    VOLLEY_ASSERT(state.in_use && !state.ended);
    state.revoked = true;
    state.ended = true;
    for_lane(lane, &Delivery::orphan);
    state.window.clear();
    free_lane_if_over(lane);
}

// Visits each used slot of a lane. Rebalances are rare, so it scans all slots instead of keeping a list.
void Delivery::for_lane(Lane lane, void (Delivery::*visit)(Slot)) {
    for (Slot slot = 0; slot < next_new_; ++slot) {
        if (entries_[slot].state != State::free && entries_[slot].lane == lane) (this->*visit)(slot);
    }
}

void Delivery::orphan(Slot slot) {
    Entry& entry = entries_[slot];
    entry.orphan = true;
    entry.in_window = false;
    if (entry.state == State::settled)
        free_if_over(slot);
    else
        release_waiting(slot);
}

void Delivery::lose(Slot slot) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(!options_.log && entry.state != State::free && entry.state != State::settled);
    entry.lease_lost = true;
    orphan(slot);
}

// Whether the committed offset needs this message, because one behind it has started. Not if its ordering
// group was closed before it.
bool Delivery::is_needed(const Entry& entry) const {
    return options_.log && !entry.orphan && entry.offset < lanes_[entry.lane].newest_started &&
           !groups_.is_closed(entry.group, entry.offset);
}

// After the release of the message at `offset`, the messages behind it in its ordering group are released,
// too: they would overtake it.
void Delivery::release_behind(OrderingGroup group, std::int64_t offset) {
    groups_.close(group, offset);
    for (Slot slot = groups_.first(group); slot != no_slot;) {
        const Slot next = entries_[slot].group_next;
        if (entries_[slot].state == State::waiting && entries_[slot].offset > offset) release(slot);
        slot = next;
    }
}

// At a stop, a failed message that holds back the committed offset gets one more attempt at once. Otherwise
// the messages behind it on the log would run again. Returns false if it gets none.
bool Delivery::try_once_more(Slot slot) {
    Entry& entry = entries_[slot];
    if (!is_needed(entry) || entry.last_try || entry.attempt >= options_.max_attempts) return false;
    entry.last_try = true;
    ++entry.generation;  // its backoff is void
    entry.state = State::waiting;
    if (entry.group == no_group)
        groups_.append(slot);
    else
        groups_.end_hold(slot);
    return true;
}

// Releases a message that no worker and no producer has.
void Delivery::release_waiting(Slot slot) {
    switch (entries_[slot].state) {
        case State::waiting:
            if (!is_needed(entries_[slot])) release(slot);
            break;
        case State::backing_off:
            if (!try_once_more(slot)) release(slot);
            break;
        case State::resend_wait:
        case State::dead_letter_wait:
            if (entries_[slot].orphan) release(slot);
            break;
        default:
            break;
    }
}

// ---- stopping

void Delivery::stop() {
    if (stopping_) return;
    stopping_ = true;
    for (Slot slot = 0; slot < next_new_; ++slot) release_waiting(slot);
}

void Delivery::abort() {
    stop();
    aborting_ = true;
    for (Slot slot = 0; slot < next_new_; ++slot) {
        if (entries_[slot].state == State::free || entries_[slot].state == State::settled) continue;
        entries_[slot].orphan = true;
        release_waiting(slot);
    }
    // There may be no worker any more that could take these.
    for (; urgent_taken_ < urgent_.size(); ++urgent_taken_) release(urgent_[urgent_taken_]);
    urgent_.clear();
    urgent_taken_ = 0;
    for (; !letters_.empty(); letters_.pop_front()) release(letters_.front());
    release_uncommitted();
}

void Delivery::end_reports() {
    VOLLEY_ASSERT(aborting_ && running_ == 0);
    for (Slot slot = 0; slot < next_new_; ++slot) {
        Entry& entry = entries_[slot];
        if (entry.state != State::sending && entry.state != State::dead_lettering) continue;
        const bool dead = entry.state == State::dead_lettering;
        if (!dead) entry.stored = true;  // possibly
        set_passive(entry, dead ? State::dead_letter_wait : State::resend_wait);
        release(slot);
    }
}

}  // namespace volley::delivery

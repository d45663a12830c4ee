// How a message ends in the core: it is finished, settled, and its slot is freed. Also the offsets to commit.
#include "delivery/delivery.hpp"
#include "invariant.hpp"

namespace volley::delivery {

void Delivery::finish(Slot slot, SettlementKind kind, Millis delay) {
    const Entry& entry = entries_[slot];
    settlements_.push_back({slot, entry.handle, kind, delay, entry.reason, entry.attempt,
                            entry.held > 0 || entry.grown || entry.reason != 0});
    begin_settling(slot, kind, delay);
}

// The result of the message is final. The consumer still has to close the delivery.
void Delivery::begin_settling(Slot slot, SettlementKind kind, Millis delay) {
    Entry& entry = entries_[slot];
    groups_.unlink(slot);
    groups_.end_hold(slot);
    if (entry.group != no_group && options_.order == Order::key) groups_.leave(entry.group);
    if (entry.exhausted) --exhausted_;
    entry.exhausted = false;
    --counters_.in_flight;
    ++unsettled_;
    hold(entry, 0);
    expect(entry, false);
    ++entry.generation;  // cancels its timer
    entry.state = State::settling;
    entry.settlement = kind;
    entry.nack_delay = delay;
    if (!entry.in_window || kind == SettlementKind::release) return;
    LaneState& lane = lanes_[entry.lane];
    lane.window.finish(entries_, slot, [this](Slot passed) { free_if_over(passed); });
    if (!lane.dirty) {
        lane.dirty = true;
        dirty_.push_back(entry.lane);
    }
}

// Releases the message: neither ack nor nack, and no attempt is counted. It stays unfinished in its window,
// so that nothing behind it is committed.
void Delivery::release(Slot slot, bool lease_lost) {
    Entry& entry = entries_[slot];
    if (entry.state == State::dead_letter_wait || entry.state == State::dead_letter_queued) {
        if (entry.send_tries > 0) --dead_letters_waiting_;
    }
    ++counters_.released;
    if (entry.stored) ++counters_.possible_duplicates;
    const bool revoked = !aborting_ && (entry.orphan || lanes_[entry.lane].revoked);
    ++(lease_lost || entry.lease_lost ? counters_.released_by_lease
       : revoked                      ? counters_.released_by_revocation
                                      : counters_.released_by_stop);
    const OrderingGroup group = entry.group;
    const std::int64_t offset = entry.offset;
    // The ordering group is removed with its last message.
    const bool others =
        options_.log && group != no_group && (options_.order == Order::partition || groups_.count(group) > 1);
    finish(slot, SettlementKind::release, Millis(0));
    if (others && !groups_.is_closed(group, offset)) release_behind(group, offset);
}

void Delivery::take_settlements(std::vector<Settlement>& out) {
    out.insert(out.end(), settlements_.begin(), settlements_.end());
    settlements_.clear();
}

void Delivery::settled(Slot slot, bool lost) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::settling);
    if (lost) {
        ++counters_.lost;
        if (entry.settlement == SettlementKind::ack && entry.stored) ++counters_.possible_duplicates;
    }
    entry.state = State::settled;
    --unsettled_;
    free_if_over(slot);
}

void Delivery::settle_again(Slot slot, Instant now) {
    VOLLEY_ASSERT(entries_[slot].state == State::settling);
    wait(slot, State::settling, now + send_delay(entries_[slot]));
}

void Delivery::settle_now() {
    settlements_.clear();
    for (Slot slot = 0; slot < next_new_; ++slot) {
        Entry& entry = entries_[slot];
        if (entry.state != State::settling) continue;
        ++entry.generation;  // cancels its timer
        settlements_.push_back(
            {slot, entry.handle, entry.settlement, entry.nack_delay, entry.reason, entry.attempt, false});
    }
}

// A slot is free when its delivery is closed and the window does not need its offset.
void Delivery::free_if_over(Slot slot) {
    Entry& entry = entries_[slot];
    if (entry.state != State::settled || entry.in_window) return;
    entry.state = State::free;
    ++entry.generation;
    counters_.in_flight_bytes -= entry.bytes;
    entry.group_next = free_head_;
    free_head_ = slot;
    --slots_in_use_;
    const Lane lane = entry.lane;
    VOLLEY_ASSERT(lanes_[lane].open > 0);
    --lanes_[lane].open;
    free_lane_if_over(lane);
    update_full();
}

void Delivery::free_lane_if_over(Lane lane) {
    LaneState& state = lanes_[lane];
    if (!state.ended || state.open > 0 || !state.in_use) return;
    if (state.group != no_group) groups_.leave(state.group);
    state.in_use = false;
    if (!state.dirty) free_lanes_.push_back(lane);  // otherwise take_commits() does
}

void Delivery::take_commits(std::vector<Commit>& out) {
    for (const Lane lane : dirty_) {
        LaneState& state = lanes_[lane];
        state.dirty = false;
        if (!state.in_use) {
            free_lanes_.push_back(lane);
            continue;
        }
        if (state.ended || state.window.committable() <= state.committed) continue;
        state.committed = state.window.committable();
        out.push_back({lane, state.committed});
    }
    dirty_.clear();
}

void Delivery::commit_again(Lane lane) {
    LaneState& state = lanes_[lane];
    if (!state.in_use || state.ended) return;
    state.committed = -1;
    if (!state.dirty) {
        state.dirty = true;
        dirty_.push_back(lane);
    }
}

}  // namespace volley::delivery

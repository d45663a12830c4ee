// Transactions: if input and outputs are in one store, it commits the outputs and the ack of a message
// together.
#include <algorithm>

#include "delivery/delivery.hpp"
#include "invariant.hpp"

namespace volley::delivery {

void Delivery::use_transactions() {
    VOLLEY_ASSERT(!options_.log && counters_.received == 0);
    transactions_ = true;
}

void Delivery::take_transaction(std::vector<Slot>& out, std::size_t most) {
    const std::size_t taken = std::min(most, uncommitted_.size());
    for (std::size_t i = 0; i < taken; ++i) {
        entries_[uncommitted_[i]].state = State::committing;
        out.push_back(uncommitted_[i]);
    }
    uncommitted_.erase(uncommitted_.begin(), uncommitted_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void Delivery::transacted(Slot slot) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::committing);
    set_passive(entry, State::settling);
    ++counters_.done;
    begin_settling(slot, SettlementKind::ack, Millis(0));
    settled(slot, false);
}

void Delivery::transaction_lost(Slot slot) {
    VOLLEY_ASSERT(entries_[slot].state == State::committing);
    set_passive(entries_[slot], State::backing_off);
    release(slot, true);
}

void Delivery::transaction_refused(Slot slot, Reason reason, Instant now) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.state == State::committing);
    set_passive(entry, State::backing_off);
    if (entry.orphan) return release(slot);
    groups_.hold(slot);  // until its dead letter is confirmed
    ++counters_.failures[known(reason)];
    entry.reason = known(reason);
    give_up(slot, options_.on_permanent, now);
}

void Delivery::transaction_released(Slot slot) {
    VOLLEY_ASSERT(entries_[slot].state == State::committing);
    set_passive(entries_[slot], State::backing_off);
    entries_[slot].stored = true;
    release(slot);
}

// At an abort nothing commits them any more.
void Delivery::release_uncommitted() {
    for (const Slot slot : uncommitted_) {
        set_passive(entries_[slot], State::backing_off);
        release(slot);
    }
    uncommitted_.clear();
}

}  // namespace volley::delivery

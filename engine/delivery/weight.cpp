// The limit max_in_flight_bytes on inputs and on what is made of them. When an input is received, the size of
// its outputs is unknown, so it is estimated from earlier ones. No handler starts while the outputs in memory
// leave no room for more. A quarter of the limit is reserved for outputs, because inputs that fill the limit
// must be handled, too.
#include <algorithm>
#include <limits>

#include "delivery/delivery.hpp"

namespace volley::delivery {

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();

}  // namespace

void Delivery::grow(Slot slot, std::uint64_t bytes) {
    Entry& entry = entries_[slot];
    const auto more = std::min(bytes, most - entry.bytes);
    entry.bytes += static_cast<std::uint32_t>(more);
    counters_.in_flight_bytes += more;
    entry.grown = entry.grown || more > 0;
    update_full();
}

void Delivery::hold(Entry& entry, std::uint64_t bytes) {
    if (entry.held == 0 && bytes == 0) return;
    counters_.held_bytes -= entry.held;
    entry.held = static_cast<std::uint32_t>(std::min(bytes, most));
    counters_.held_bytes += entry.held;
    update_full();
}

// A message was handled, and its outputs take `held` bytes. The average follows a rise quickly and a fall
// slowly.
void Delivery::weigh_outputs(Entry& entry, std::uint64_t held) {
    hold(entry, held);
    if (expected_outputs_ == 0)
        expected_outputs_ = held;
    else if (held > expected_outputs_)
        expected_outputs_ += (held - expected_outputs_ + 7) / 8;
    else
        expected_outputs_ -= (expected_outputs_ - held + 63) / 64;
}

std::uint64_t Delivery::output_budget() const {
    const std::uint64_t bound = options_.max_in_flight_bytes;
    return std::max(bound - std::min(bound, counters_.in_flight_bytes), bound / 4 + 1);
}

// How many handlers may start. If no outputs are in memory, one always may, however large its outputs will
// be. Otherwise there are outputs whose confirmation will free memory.
std::uint32_t Delivery::startable() const {
    if (expected_outputs_ == 0 && counters_.held_bytes == 0) return static_cast<std::uint32_t>(most);
    const std::uint64_t used = counters_.held_bytes + running_ * expected_outputs_;
    const std::uint64_t budget = output_budget();
    if (used >= budget) return 0;
    const std::uint64_t each = std::max<std::uint64_t>(expected_outputs_, 1);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>((budget - used) / each, 1, most));
}

std::uint64_t Delivery::letter_size(const Entry& entry) const {
    return options_.letter_bytes + std::uint64_t{options_.letter_copies} * entry.bytes;
}

bool Delivery::may_write_letter() const {
    return counters_.held_bytes == 0 ||
           counters_.held_bytes + letter_size(entries_[letters_.front()]) <= output_budget();
}

std::uint32_t Delivery::take_letters(WorkItem* out, std::uint32_t room) {
    std::uint32_t taken = 0;
    while (taken < room && !letters_.empty()) {
        const Slot slot = letters_.front();
        Entry& entry = entries_[slot];
        if (!entry.orphan && !may_write_letter()) break;
        letters_.pop_front();
        if (entry.orphan) {
            release(slot);
            continue;
        }
        set_active(entry, State::dead_lettering);
        ++entry.life;
        hold(entry, letter_size(entry));
        out[taken++] = WorkItem{slot, Step::dead_letter, entry.group, entry.attempt, 0};
    }
    return taken;
}

}  // namespace volley::delivery

#include "delivery/lanes.hpp"

#include <algorithm>

#include "delivery/assert.hpp"

namespace volley::delivery {

namespace {

std::uint64_t mixed(std::uint64_t x) {  // the finalizer of splitmix64 (Steele, Lea, Flood 2014)
    x ^= x >> 30U;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27U;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
}

}  // namespace

Chains::Chains(Entries& entries) : entries_(entries) {
    chains_.emplace_back();  // the unordered
    rehash(64);
}

Chain Chains::join(std::uint64_t identity) {
    for (std::size_t b = bucket_of(identity); table_[b] != no_chain; b = (b + 1) & (table_.size() - 1)) {
        State& known = chains_[table_[b]];
        if (known.identity != identity) continue;
        // Empty, and only not met in the ready queue yet: what closed it was in another life of its lane.
        if (known.open == 0) known.closed_from = std::numeric_limits<std::int64_t>::max();
        ++known.open;
        return table_[b];
    }
    Chain chain;
    if (free_.empty()) {
        chain = static_cast<Chain>(chains_.size());
        chains_.emplace_back();
    } else {
        chain = free_.back();
        free_.pop_back();
    }
    chains_[chain] = State{};
    chains_[chain].identity = identity;
    chains_[chain].open = 1;
    insert(identity, chain);
    return chain;
}

void Chains::leave(Chain chain) {
    State& state = chains_[chain];
    VOLLEY_ASSERT(state.open > 0);
    --state.open;
    forget_if_over(chain);
}

// A chain that still stands in the ready queue is forgotten when it is met there.
void Chains::forget_if_over(Chain chain) {
    State& state = chains_[chain];
    if (chain == unordered || state.open > 0 || state.queued) return;
    VOLLEY_ASSERT(state.head == no_slot && state.busy == 0);
    erase(state.identity);
    free_.push_back(chain);
}

void Chains::append(Slot slot) {
    Entry& entry = entries_[slot];
    const Chain chain = chain_of(entry);
    State& state = chains_[chain];
    VOLLEY_ASSERT(!entry.linked);
    entry.linked = true;
    entry.chain_next = no_slot;
    entry.chain_prev = state.tail;
    if (state.tail != no_slot) entries_[state.tail].chain_next = slot;
    state.tail = slot;
    if (state.head == no_slot) state.head = slot;
    offer(chain);
}

void Chains::put_back(Slot slot) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.chain == no_chain && !entry.linked);
    State& state = chains_[unordered];
    entry.linked = true;
    entry.chain_prev = no_slot;
    entry.chain_next = state.head;
    if (state.head != no_slot) entries_[state.head].chain_prev = slot;
    state.head = slot;
    if (state.tail == no_slot) state.tail = slot;
    offer(unordered);
}

void Chains::unlink(Slot slot) {
    Entry& entry = entries_[slot];
    if (!entry.linked) return;
    const Chain chain = chain_of(entry);
    State& state = chains_[chain];
    (entry.chain_prev == no_slot ? state.head : entries_[entry.chain_prev].chain_next) = entry.chain_next;
    (entry.chain_next == no_slot ? state.tail : entries_[entry.chain_next].chain_prev) = entry.chain_prev;
    entry.linked = false;
    offer(chain);
}

void Chains::hold(Slot slot) {
    Entry& entry = entries_[slot];
    if (entry.chain == no_chain || entry.holds_chain) return;
    entry.holds_chain = true;
    ++chains_[entry.chain].busy;
}

void Chains::release(Slot slot) {
    Entry& entry = entries_[slot];
    if (!entry.holds_chain) return;
    entry.holds_chain = false;
    VOLLEY_ASSERT(chains_[entry.chain].busy > 0);
    --chains_[entry.chain].busy;
    offer(entry.chain);
}

// Queues the chain if its first message may start.
void Chains::offer(Chain chain) {
    State& state = chains_[chain];
    if (state.queued || state.busy > 0 || state.head == no_slot) return;
    const Entry& head = entries_[state.head];
    if (head.state != delivery::State::waiting || is_closed(chain, head.offset)) return;
    state.queued = true;
    state.next_ready = no_chain;
    if (ready_tail_ == no_chain)
        ready_head_ = chain;
    else
        chains_[ready_tail_].next_ready = chain;
    ready_tail_ = chain;
}

std::uint32_t Chains::take(Run* out, std::uint32_t room, std::uint32_t of_a_chain) {
    std::uint32_t taken = 0;
    while (taken < room && ready_head_ != no_chain) {
        const Chain chain = ready_head_;
        State& state = chains_[chain];
        ready_head_ = state.next_ready;
        if (ready_head_ == no_chain) ready_tail_ = no_chain;
        state.queued = false;
        if (state.busy > 0) continue;  // held again since it was queued
        if (state.head == no_slot) {
            forget_if_over(chain);
            continue;
        }
        // The unordered take at most half when chains wait too: neither starves the other.
        const bool share = chain == unordered && ready_head_ != no_chain;
        std::uint32_t most = share ? std::max(1U, (room - taken) / 2) : room - taken;
        if (chain != unordered) most = std::min(most, of_a_chain);
        taken += take_from(chain, out + taken, most);
        offer(chain);
    }
    return taken;
}

std::uint32_t Chains::take_from(Chain chain, Run* out, std::uint32_t room) {
    State& state = chains_[chain];
    std::uint32_t taken = 0;
    Slot slot = state.head;
    while (taken < room && slot != no_slot && entries_[slot].state == delivery::State::waiting) {
        Entry& entry = entries_[slot];
        const Slot next = entry.chain_next;
        entry.state = delivery::State::running;
        entry.handled = false;
        ++entry.attempt;
        out[taken++] = Run{slot, Step::handle, entry.chain, entry.attempt};
        if (chain == unordered) {
            state.head = next;
            if (next == no_slot)
                state.tail = no_slot;
            else
                entries_[next].chain_prev = no_slot;
            entry.linked = false;
        } else {
            hold(slot);
        }
        slot = next;
    }
    return taken;
}

std::size_t Chains::bucket_of(std::uint64_t identity) const { return mixed(identity) & (table_.size() - 1); }

void Chains::insert(std::uint64_t identity, Chain chain) {
    if ((used_ + 1) * 2 > table_.size()) rehash(table_.size() * 2);
    std::size_t b = bucket_of(identity);
    while (table_[b] != no_chain) b = (b + 1) & (table_.size() - 1);
    table_[b] = chain;
    ++used_;
}

// Closes the gap by moving back what was pushed past it, so that no tombstones pile up.
void Chains::erase(std::uint64_t identity) {
    const std::size_t mask = table_.size() - 1;
    std::size_t hole = bucket_of(identity);
    while (chains_[table_[hole]].identity != identity) hole = (hole + 1) & mask;
    for (std::size_t b = (hole + 1) & mask; table_[b] != no_chain; b = (b + 1) & mask) {
        const std::size_t home = bucket_of(chains_[table_[b]].identity);
        const bool may_move = ((b - home) & mask) >= ((b - hole) & mask);
        if (may_move) {
            table_[hole] = table_[b];
            hole = b;
        }
    }
    table_[hole] = no_chain;
    --used_;
}

void Chains::rehash(std::size_t buckets) {
    std::vector<Chain> old = std::move(table_);
    table_.assign(buckets, no_chain);
    used_ = 0;
    for (const Chain chain : old) {
        if (chain != no_chain) insert(chains_[chain].identity, chain);
    }
}

}  // namespace volley::delivery

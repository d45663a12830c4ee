#include "delivery/lanes.hpp"

#include <algorithm>

#include "invariant.hpp"

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
    chains_.emplace_back();  // for messages without a group
    ready_.resize(2);        // grows with the workers
    rehash(64);
}

Chain Chains::join(std::uint64_t identity) {
    for (std::size_t b = bucket_of(identity); table_[b] != no_chain; b = (b + 1) & (table_.size() - 1)) {
        State& known = chains_[table_[b]];
        if (known.identity != identity) continue;
        // A group without messages, still in the ready queue. It was closed in an earlier life of its lane.
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

// A group that is in a ready queue is removed when its turn comes there.
void Chains::forget_if_over(Chain chain) {
    State& state = chains_[chain];
    if (chain == unordered || state.open > 0 || state.queue != none) return;
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
    if (state.last_taken == slot) state.last_taken = entry.chain_prev;
    entry.linked = false;
    offer(chain);
}

void Chains::hold(Slot slot) {
    Entry& entry = entries_[slot];
    if (entry.chain == no_chain) return;
    stop_flow(entry.chain);
    if (!entry.holds_chain) hold_running(entry);
}

void Chains::hold_running(Entry& entry) {
    entry.holds_chain = true;
    ++chains_[entry.chain].busy;
}

void Chains::stop_flow(Chain chain) {
    if (chain != no_chain) chains_[chain].flows = false;
}

void Chains::release(Slot slot) {
    Entry& entry = entries_[slot];
    if (!entry.holds_chain) return;
    entry.holds_chain = false;
    State& state = chains_[entry.chain];
    VOLLEY_ASSERT(state.busy > 0);
    --state.busy;
    // A group that is no longer busy can go to any worker.
    if (state.busy == 0 && state.queue != none && state.queue != shared) dequeue(entry.chain);
    offer(entry.chain);
}

// The next message to start, or no_slot.
Slot Chains::next_of(const State& state) const {
    if (state.busy == 0 || state.last_taken == no_slot) return state.head;
    return entries_[state.last_taken].chain_next;
}

// Puts the group in a ready queue if its next message may start.
void Chains::offer(Chain chain) {
    State& state = chains_[chain];
    if (state.queue != none || (state.busy > 0 && !state.flows)) return;
    const Slot next = next_of(state);
    if (next == no_slot || entries_[next].state != delivery::State::waiting ||
        is_closed(chain, entries_[next].offset)) {
        return;
    }
    enqueue(chain, state.busy > 0 ? 1 + state.worker : shared);
}

void Chains::enqueue(Chain chain, std::uint32_t queue) {
    State& state = chains_[chain];
    Ready& ready = ready_[queue];
    state.queue = queue;
    state.next_ready = no_chain;
    state.prev_ready = ready.tail;
    (ready.tail == no_chain ? ready.head : chains_[ready.tail].next_ready) = chain;
    ready.tail = chain;
    ++queued_;
}

void Chains::dequeue(Chain chain) {
    State& state = chains_[chain];
    Ready& ready = ready_[state.queue];
    (state.prev_ready == no_chain ? ready.head : chains_[state.prev_ready].next_ready) = state.next_ready;
    (state.next_ready == no_chain ? ready.tail : chains_[state.next_ready].prev_ready) = state.prev_ready;
    state.queue = none;
    --queued_;
}

std::uint32_t Chains::take(Run* out, std::uint32_t room, std::uint32_t worker, bool together) {
    if (ready_.size() < worker + 2U) ready_.resize(worker + 2U);
    shared_first_ = !shared_first_;
    const std::uint32_t own = 1 + worker;
    const std::uint32_t first = shared_first_ ? shared : own;
    const std::uint32_t taken = take_ready(first, out, room, worker, together);
    return taken + take_ready(first == own ? shared : own, out + taken, room - taken, worker, together);
}

std::uint32_t Chains::take_ready(std::uint32_t queue, Run* out, std::uint32_t room, std::uint32_t worker,
                                 bool together) {
    std::uint32_t taken = 0;
    while (taken < room && ready_[queue].head != no_chain) {
        const Chain chain = ready_[queue].head;
        State& state = chains_[chain];
        dequeue(chain);
        if (state.busy > 0 && !state.flows) continue;  // became busy while it was queued
        if (state.head == no_slot) {
            forget_if_over(chain);
            continue;
        }
        // Messages without a group take at most half of the room if groups wait, too, so that neither
        // starves.
        const bool share = chain == unordered && ready_[queue].head != no_chain;
        const std::uint32_t most = share ? std::max(1U, (room - taken) / 2) : room - taken;
        taken += take_from(chain, out + taken, most, worker, together);
        offer(chain);
    }
    return taken;
}

std::uint32_t Chains::take_from(Chain chain, Run* out, std::uint32_t room, std::uint32_t worker,
                                bool together) {
    State& state = chains_[chain];
    Slot slot = next_of(state);
    if (chain != unordered && state.busy == 0) {
        state.worker = worker;
        state.turn = ++turns_;
        state.flows = together;
        state.last_taken = no_slot;
    }
    if (chain != unordered && !together) room = std::min(room, 1U);
    std::uint32_t taken = 0;
    while (taken < room && slot != no_slot && entries_[slot].state == delivery::State::waiting) {
        Entry& entry = entries_[slot];
        const Slot next = entry.chain_next;
        entry.state = delivery::State::running;
        entry.handled = false;
        ++entry.attempt;
        out[taken++] = Run{slot, Step::handle, entry.chain, entry.attempt, state.turn};
        if (chain == unordered) {
            state.head = next;
            if (next == no_slot)
                state.tail = no_slot;
            else
                entries_[next].chain_prev = no_slot;
            entry.linked = false;
        } else {
            hold_running(entry);
            state.last_taken = slot;
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

// Fills the gap with the entries that collisions have moved behind it, so that the table needs no markers for
// erased entries.
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

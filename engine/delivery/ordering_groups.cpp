#include "delivery/ordering_groups.hpp"

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

OrderingGroups::OrderingGroups(Entries& entries) : entries_(entries) {
    groups_.emplace_back();  // for messages without a group
    ready_.resize(2);        // grows with the workers
    rehash(64);
}

OrderingGroup OrderingGroups::join(std::uint64_t identity) {
    for (std::size_t b = bucket_of(identity); table_[b] != no_group; b = (b + 1) & (table_.size() - 1)) {
        State& known = groups_[table_[b]];
        if (known.identity != identity) continue;
        // A group without messages, still in the ready queue. It was closed in an earlier life of its lane.
        if (known.open == 0) known.closed_from = std::numeric_limits<std::int64_t>::max();
        ++known.open;
        return table_[b];
    }
    OrderingGroup group;
    if (free_.empty()) {
        group = static_cast<OrderingGroup>(groups_.size());
        groups_.emplace_back();
    } else {
        group = free_.back();
        free_.pop_back();
    }
    groups_[group] = State{};
    groups_[group].identity = identity;
    groups_[group].open = 1;
    insert(identity, group);
    return group;
}

void OrderingGroups::leave(OrderingGroup group) {
    State& state = groups_[group];
    VOLLEY_ASSERT(state.open > 0);
    --state.open;
    forget_if_over(group);
}

// A group that is in a ready queue is removed when its turn comes there.
void OrderingGroups::forget_if_over(OrderingGroup group) {
    State& state = groups_[group];
    if (group == unordered || state.open > 0 || state.queue != none) return;
    VOLLEY_ASSERT(state.head == no_slot && state.busy == 0);
    erase(state.identity);
    free_.push_back(group);
}

void OrderingGroups::append(Slot slot) {
    Entry& entry = entries_[slot];
    const OrderingGroup group = group_of(entry);
    State& state = groups_[group];
    VOLLEY_ASSERT(!entry.linked);
    entry.linked = true;
    entry.group_next = no_slot;
    entry.group_prev = state.tail;
    if (state.tail != no_slot) entries_[state.tail].group_next = slot;
    state.tail = slot;
    if (state.head == no_slot) state.head = slot;
    offer(group);
}

void OrderingGroups::put_back(Slot slot) {
    Entry& entry = entries_[slot];
    VOLLEY_ASSERT(entry.group == no_group && !entry.linked);
    State& state = groups_[unordered];
    entry.linked = true;
    entry.group_prev = no_slot;
    entry.group_next = state.head;
    if (state.head != no_slot) entries_[state.head].group_prev = slot;
    state.head = slot;
    if (state.tail == no_slot) state.tail = slot;
    offer(unordered);
}

void OrderingGroups::unlink(Slot slot) {
    Entry& entry = entries_[slot];
    if (!entry.linked) return;
    const OrderingGroup group = group_of(entry);
    State& state = groups_[group];
    (entry.group_prev == no_slot ? state.head : entries_[entry.group_prev].group_next) = entry.group_next;
    (entry.group_next == no_slot ? state.tail : entries_[entry.group_next].group_prev) = entry.group_prev;
    if (state.last_taken == slot) state.last_taken = entry.group_prev;
    entry.linked = false;
    offer(group);
}

void OrderingGroups::hold(Slot slot) {
    Entry& entry = entries_[slot];
    if (entry.group == no_group) return;
    stop_flow(entry.group);
    if (!entry.holds_group) hold_running(entry);
}

void OrderingGroups::hold_running(Entry& entry) {
    entry.holds_group = true;
    ++groups_[entry.group].busy;
}

void OrderingGroups::stop_flow(OrderingGroup group) {
    if (group != no_group) groups_[group].flows = false;
}

void OrderingGroups::end_hold(Slot slot) {
    Entry& entry = entries_[slot];
    if (!entry.holds_group) return;
    entry.holds_group = false;
    State& state = groups_[entry.group];
    VOLLEY_ASSERT(state.busy > 0);
    --state.busy;
    // A group that is no longer busy can go to any worker.
    if (state.busy == 0 && state.queue != none && state.queue != shared) dequeue(entry.group);
    offer(entry.group);
}

// The next message to start, or no_slot.
Slot OrderingGroups::next_of(const State& state) const {
    if (state.busy == 0 || state.last_taken == no_slot) return state.head;
    return entries_[state.last_taken].group_next;
}

// Puts the group in a ready queue if its next message may start.
void OrderingGroups::offer(OrderingGroup group) {
    State& state = groups_[group];
    if (state.queue != none || (state.busy > 0 && !state.flows)) return;
    const Slot next = next_of(state);
    if (next == no_slot || entries_[next].state != delivery::State::waiting ||
        is_closed(group, entries_[next].offset)) {
        return;
    }
    enqueue(group, state.busy > 0 ? 1 + state.worker : shared);
}

void OrderingGroups::enqueue(OrderingGroup group, std::uint32_t queue) {
    State& state = groups_[group];
    Ready& ready = ready_[queue];
    state.queue = queue;
    state.next_ready = no_group;
    state.prev_ready = ready.tail;
    (ready.tail == no_group ? ready.head : groups_[ready.tail].next_ready) = group;
    ready.tail = group;
    ++queued_;
}

void OrderingGroups::dequeue(OrderingGroup group) {
    State& state = groups_[group];
    Ready& ready = ready_[state.queue];
    (state.prev_ready == no_group ? ready.head : groups_[state.prev_ready].next_ready) = state.next_ready;
    (state.next_ready == no_group ? ready.tail : groups_[state.next_ready].prev_ready) = state.prev_ready;
    state.queue = none;
    --queued_;
}

std::uint32_t OrderingGroups::take(WorkItem* out, std::uint32_t room, std::uint32_t worker, bool together) {
    if (ready_.size() < worker + 2U) ready_.resize(worker + 2U);
    shared_first_ = !shared_first_;
    const std::uint32_t own = 1 + worker;
    const std::uint32_t first = shared_first_ ? shared : own;
    const std::uint32_t taken = take_ready(first, out, room, worker, together);
    return taken + take_ready(first == own ? shared : own, out + taken, room - taken, worker, together);
}

std::uint32_t OrderingGroups::take_ready(std::uint32_t queue, WorkItem* out, std::uint32_t room,
                                         std::uint32_t worker, bool together) {
    std::uint32_t taken = 0;
    while (taken < room && ready_[queue].head != no_group) {
        const OrderingGroup group = ready_[queue].head;
        State& state = groups_[group];
        dequeue(group);
        if (state.busy > 0 && !state.flows) continue;  // became busy while it was queued
        if (state.head == no_slot) {
            forget_if_over(group);
            continue;
        }
        // Messages without a group take at most half of the room if groups wait, too, so that neither
        // starves.
        const bool share = group == unordered && ready_[queue].head != no_group;
        const std::uint32_t most = share ? std::max(1U, (room - taken) / 2) : room - taken;
        taken += take_from(group, out + taken, most, worker, together);
        offer(group);
    }
    return taken;
}

std::uint32_t OrderingGroups::take_from(OrderingGroup group, WorkItem* out, std::uint32_t room,
                                        std::uint32_t worker, bool together) {
    State& state = groups_[group];
    Slot slot = next_of(state);
    if (group != unordered && state.busy == 0) {
        state.worker = worker;
        state.turn = ++turns_;
        state.flows = together;
        state.last_taken = no_slot;
    }
    if (group != unordered && !together) room = std::min(room, 1U);
    std::uint32_t taken = 0;
    while (taken < room && slot != no_slot && entries_[slot].state == delivery::State::waiting) {
        Entry& entry = entries_[slot];
        const Slot next = entry.group_next;
        entry.state = delivery::State::running;
        entry.handled = false;
        ++entry.attempt;
        out[taken++] = WorkItem{slot, Step::handle, entry.group, entry.attempt, state.turn};
        if (group == unordered) {
            state.head = next;
            if (next == no_slot)
                state.tail = no_slot;
            else
                entries_[next].group_prev = no_slot;
            entry.linked = false;
        } else {
            hold_running(entry);
            state.last_taken = slot;
        }
        slot = next;
    }
    return taken;
}

std::size_t OrderingGroups::bucket_of(std::uint64_t identity) const {
    return mixed(identity) & (table_.size() - 1);
}

void OrderingGroups::insert(std::uint64_t identity, OrderingGroup group) {
    if ((used_ + 1) * 2 > table_.size()) rehash(table_.size() * 2);
    std::size_t b = bucket_of(identity);
    while (table_[b] != no_group) b = (b + 1) & (table_.size() - 1);
    table_[b] = group;
    ++used_;
}

// Fills the gap with the entries that collisions have moved behind it, so that the table needs no markers for
// erased entries.
void OrderingGroups::erase(std::uint64_t identity) {
    const std::size_t mask = table_.size() - 1;
    std::size_t hole = bucket_of(identity);
    while (groups_[table_[hole]].identity != identity) hole = (hole + 1) & mask;
    for (std::size_t b = (hole + 1) & mask; table_[b] != no_group; b = (b + 1) & mask) {
        const std::size_t home = bucket_of(groups_[table_[b]].identity);
        const bool may_move = ((b - home) & mask) >= ((b - hole) & mask);
        if (may_move) {
            table_[hole] = table_[b];
            hole = b;
        }
    }
    table_[hole] = no_group;
    --used_;
}

void OrderingGroups::rehash(std::size_t buckets) {
    std::vector<OrderingGroup> old = std::move(table_);
    table_.assign(buckets, no_group);
    used_ = 0;
    for (const OrderingGroup group : old) {
        if (group != no_group) insert(groups_[group].identity, group);
    }
}

}  // namespace volley::delivery

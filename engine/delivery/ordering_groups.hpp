// Which messages may start: the ordering groups, and the queues of those groups that have a message to start.
//
// A group lists its messages in order of arrival. It is busy while one of them runs, waits for a retry, or
// holds the group for another reason. While a group is busy, no other message of it starts, with one
// exception: as long as none of its running messages has failed, further messages go to the worker that has
// them, which runs its batches one after the other. A start of a group that is not busy begins a new turn. In
// this way no two messages of a group run at the same time, and none overtakes another. Messages without a
// group (order none, or no key) are in one list of their own, which is never busy.
//
// Not thread-safe. Part of Delivery. Allocates only while the number of groups grows.
#pragma once

#include <cstdint>
#include <vector>

#include "delivery/entry.hpp"

namespace volley::delivery {

class OrderingGroups {
public:
    explicit OrderingGroups(Entries& entries);

    // Counts one more message in the group with this identity, and creates the group if there is none.
    OrderingGroup join(std::uint64_t identity);
    // A message of the group is closed. With its last message the group is removed.
    void leave(OrderingGroup group);

    // Appends a waiting message to its group, or to the list of messages without a group.
    void append(Slot slot);
    // Removes it from the list, so that the messages behind it need not wait for it.
    void unlink(Slot slot);
    // Makes the group busy on behalf of this message: no other message of it starts before end_hold().
    void hold(Slot slot);
    void end_hold(Slot slot);
    // A message of the group was returned unfinished: nothing else of the group starts while it is busy.
    void stop_flow(OrderingGroup group);
    // Returns a message without a group to the front of its list.
    void put_back(Slot slot);

    // Moves up to `room` messages that `worker` may run now into `out`, and returns how many. The group that
    // has waited longest comes first. Marks the messages as running, and holds their groups. More than one
    // message of a group at a time only if `together`.
    std::uint32_t take(WorkItem* out, std::uint32_t room, std::uint32_t worker, bool together);
    // The message of the group at offset `from` was released. The messages after it no longer start, because
    // they would overtake it.
    void close(OrderingGroup group, std::int64_t from) {
        if (from < groups_[group].closed_from) groups_[group].closed_from = from;
    }
    bool is_closed(OrderingGroup group, std::int64_t offset) const {
        return group != no_group && offset >= groups_[group].closed_from;
    }
    Slot first(OrderingGroup group) const { return groups_[group].head; }
    std::uint32_t count(OrderingGroup group) const { return groups_[group].open; }
    bool has_runnable() const { return queued_ > 0; }

private:
    struct State {
        std::uint64_t identity = 0;
        Slot head = no_slot;
        Slot tail = no_slot;
        Slot last_taken = no_slot;  // in this turn, and still in the list; no_slot: the head is next
        OrderingGroup next_ready = no_group;
        OrderingGroup prev_ready = no_group;
        std::uint32_t queue = none;  // the ready queue that it is in
        std::uint32_t open = 0;
        std::uint32_t busy = 0;
        std::uint32_t worker = 0;  // of this turn
        std::uint32_t turn = 0;
        bool flows = false;  // all that makes it busy runs at its worker, and none of it has failed
        std::int64_t closed_from = std::numeric_limits<std::int64_t>::max();
    };
    struct Ready {
        OrderingGroup head = no_group;
        OrderingGroup tail = no_group;
    };
    static constexpr OrderingGroup unordered = 0;
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    // Ready queue 0 has the groups that any worker may take, 1 + n those for worker n only.
    static constexpr std::uint32_t shared = 0;

    OrderingGroup group_of(const Entry& entry) const {
        return entry.group == no_group ? unordered : entry.group;
    }
    void offer(OrderingGroup group);
    void enqueue(OrderingGroup group, std::uint32_t queue);
    void dequeue(OrderingGroup group);
    void hold_running(Entry& entry);
    Slot next_of(const State& state) const;
    std::uint32_t take_ready(std::uint32_t queue, WorkItem* out, std::uint32_t room, std::uint32_t worker,
                             bool together);
    void forget_if_over(OrderingGroup group);
    std::uint32_t take_from(OrderingGroup group, WorkItem* out, std::uint32_t room, std::uint32_t worker,
                            bool together);
    std::size_t bucket_of(std::uint64_t identity) const;
    void insert(std::uint64_t identity, OrderingGroup group);
    void erase(std::uint64_t identity);
    void rehash(std::size_t buckets);

    Entries& entries_;
    std::vector<State> groups_;
    std::vector<OrderingGroup> free_;
    std::vector<OrderingGroup> table_;  // open addressing, linear probing; no_group: empty
    std::size_t used_ = 0;
    std::vector<Ready> ready_;
    std::uint32_t queued_ = 0;  // groups, in all ready queues
    std::uint32_t turns_ = 0;
    bool shared_first_ = false;  // alternates, so that neither kind of queue starves
};

}  // namespace volley::delivery

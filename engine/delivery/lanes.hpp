// Who may run: chains of messages that must keep their order, and the queue of those chains that have
// something to do.
//
// A chain lists its messages in order of arrival. It is busy while one of them runs, waits for a retry or
// holds it for another reason; while it is busy nothing else of it starts, with one exception: it flows on to
// the worker that has its running messages, which takes its batches one after the other, as long as none of
// them has failed. A start from rest begins a new turn of the chain. So one key never overlaps itself and
// never overtakes. Messages without a chain (order none, null keys) are in one list of their own that is
// never busy.
//
// Not thread-safe; part of Delivery. Allocates only while the number of chains grows.
#pragma once

#include <cstdint>
#include <vector>

#include "delivery/entry.hpp"

namespace volley::delivery {

class Chains {
public:
    explicit Chains(Entries& entries);

    // Returns the chain with this identity, made if there is none, with one more message counted in it.
    Chain join(std::uint64_t identity);
    // One message of `chain` is closed; the chain is forgotten with its last.
    void leave(Chain chain);

    // Appends a waiting message to its chain (no_chain: to the unordered).
    void append(Slot slot);
    // Takes it out of the list; it no longer holds up those behind it.
    void unlink(Slot slot);
    // A message of the chain must not be passed: nothing else of it starts until release.
    void hold(Slot slot);
    void release(Slot slot);
    // A message of the chain came back unfinished: nothing else of it starts before it is at rest.
    void stop_flow(Chain chain);
    // A message without a chain goes back to the front of the unordered list.
    void put_back(Slot slot);

    // Moves up to `room` messages that `worker` may run now into `out`, oldest chains first; marks them
    // running, and their chains held. Of a chain more than one, and more while it runs there, only if
    // `together`. Returns how many.
    std::uint32_t take(Run* out, std::uint32_t room, std::uint32_t worker, bool together);
    // From this offset on the chain starts nothing any more: the message there was released, and must not be
    // overtaken.
    void close(Chain chain, std::int64_t from) {
        if (from < chains_[chain].closed_from) chains_[chain].closed_from = from;
    }
    bool is_closed(Chain chain, std::int64_t offset) const {
        return chain != no_chain && offset >= chains_[chain].closed_from;
    }
    Slot first(Chain chain) const { return chains_[chain].head; }
    std::uint32_t count(Chain chain) const { return chains_[chain].open; }
    bool has_runnable() const { return queued_ > 0; }

private:
    struct State {
        std::uint64_t identity = 0;
        Slot head = no_slot;
        Slot tail = no_slot;
        Slot last_taken = no_slot;  // of this turn, and still in the list; no_slot: the head is next
        Chain next_ready = no_chain;
        Chain prev_ready = no_chain;
        std::uint32_t queue = none;  // the ready queue that it stands in
        std::uint32_t open = 0;
        std::uint32_t busy = 0;
        std::uint32_t worker = 0;  // of this turn
        std::uint32_t turn = 0;
        bool flows = false;  // busy only with what runs at its worker, and nothing of that has failed
        std::int64_t closed_from = std::numeric_limits<std::int64_t>::max();
    };
    struct Ready {
        Chain head = no_chain;
        Chain tail = no_chain;
    };
    static constexpr Chain unordered = 0;
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint32_t shared = 0;  // ready queue of chains at rest; 1 + n: flow on to worker n

    Chain chain_of(const Entry& entry) const { return entry.chain == no_chain ? unordered : entry.chain; }
    void offer(Chain chain);
    void enqueue(Chain chain, std::uint32_t queue);
    void dequeue(Chain chain);
    void hold_running(Entry& entry);
    Slot next_of(const State& state) const;
    std::uint32_t take_ready(std::uint32_t queue, Run* out, std::uint32_t room, std::uint32_t worker,
                             bool together);
    void forget_if_over(Chain chain);
    std::uint32_t take_from(Chain chain, Run* out, std::uint32_t room, std::uint32_t worker, bool together);
    std::size_t bucket_of(std::uint64_t identity) const;
    void insert(std::uint64_t identity, Chain chain);
    void erase(std::uint64_t identity);
    void rehash(std::size_t buckets);

    Entries& entries_;
    std::vector<State> chains_;
    std::vector<Chain> free_;
    std::vector<Chain> table_;  // open addressing, linear probing; no_chain: empty
    std::size_t used_ = 0;
    std::vector<Ready> ready_;
    std::uint32_t queued_ = 0;  // chains, in all of them
    std::uint32_t turns_ = 0;
    bool shared_first_ = false;  // in turn, so that neither kind starves the other
};

}  // namespace volley::delivery

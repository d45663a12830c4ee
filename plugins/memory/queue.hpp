// A queue inside the process. A message lives in a slot from produce until it is acknowledged; slots are used
// again, with the memory they have, so that the steady state allocates nothing. Order: by sequence among what
// is visible. What comes back takes its old place. Thread: any. The lock is taken per batch, and bytes are
// copied outside of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "volley/view.hpp"

namespace volley::memory {

using Clock = std::chrono::steady_clock;

struct Slot {
    enum class State : std::uint8_t { free, filling, ready, delayed, open };

    std::vector<char> bytes;  // body, key and headers; body, key and `headers` point into it
    volley_view body{};
    volley_view key{};
    std::vector<volley_header> headers;
    std::uint64_t sequence = 0;
    std::int64_t timestamp_ms = 0;
    Clock::time_point due{};      // state delayed
    const void* owner = nullptr;  // state open: the consumer that has it
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // grows at each opening: tells a stale handle
    std::uint32_t deliveries = 0;
    State state = State::free;
    std::uint8_t id_size = 0;
    char id[20];  // `sequence` in decimal

    std::uint64_t handle() const { return static_cast<std::uint64_t>(generation) << 32 | index; }
};

struct Depth {
    std::uint64_t ready = 0;
    std::uint64_t open = 0;
    std::uint64_t delayed = 0;
    std::int64_t oldest_timestamp_ms = 0;  // of what is ready; 0 none
};

class Queue {
public:
    static constexpr std::uint32_t default_capacity = 100'000;

    Queue() = default;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    void set_capacity(std::uint32_t messages);
    // A random one: what is in the queue lives no longer than the process.
    const std::string& identity() const { return identity_; }

    // Fills slots[0..n) with empty slots that are the caller's until it publishes them. Returns n <= count:
    // fewer if the queue is full.
    std::uint32_t reserve(Slot** slots, std::uint32_t count);
    // Makes them visible in this order; a slot whose `due` lies ahead, not before then.
    void publish(Slot** slots, std::uint32_t count);
    // Opens reserved slots for `owner` at once, unpublished.
    void open_reserved(Slot** slots, std::uint32_t count, const void* owner);

    // Opens up to `count` visible messages for `owner`, but none after the one that reaches max_bytes (0: no
    // limit). Waits for the first until `deadline`, or until `interrupted` is set and wake_all() called;
    // resets it. Returns how many.
    std::uint32_t take(Slot** slots, std::uint32_t count, std::uint64_t max_bytes, const void* owner,
                       Clock::time_point deadline, bool& interrupted);
    // Sets `flag` under the lock and wakes whoever waits.
    void interrupt(bool& flag);

    // Closes what `owner` has open, by outcome; sets each `result`.
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride, const void* owner);
    // Gives back all that `owner` has open.
    void release_all(const void* owner);

    Depth depth();
    // Copies up to `count` messages that are not open, from the `skip`th on, in order.
    std::vector<std::unique_ptr<Slot>> copies(std::uint64_t skip, std::uint32_t count);
    std::unique_ptr<Slot> find(std::string_view id);
    // Return how many messages, not open, were removed.
    std::uint64_t remove(std::string_view id);
    std::uint64_t purge();

private:
    // The ready messages in order of arrival: a ring that grows and never shrinks.
    class Ring {
    public:
        bool empty() const { return head_ == tail_; }
        std::size_t size() const { return tail_ - head_; }
        Slot* front() const { return slots_[head_ & (slots_.size() - 1)]; }
        Slot* at(std::size_t i) const { return slots_[(head_ + i) & (slots_.size() - 1)]; }
        void pop_front() { ++head_; }
        void push_back(Slot* slot);
        void erase(const Slot* slot);

    private:
        std::vector<Slot*> slots_ = std::vector<Slot*>(64);
        std::size_t head_ = 0, tail_ = 0;
    };

    Slot* at(std::uint32_t index) { return &chunks_[index / chunk_slots][index % chunk_slots]; }
    void grow();
    void release(Slot* slot);
    void make_visible(Slot* slot);
    void give_back(Slot* slot, Clock::time_point due);
    void promote_due(Clock::time_point now);
    Slot* next_visible() const;
    void pop_visible();
    void forget(Slot* slot);
    std::vector<Slot*> stored() const;

    static std::string random_identity();
    static constexpr std::uint32_t chunk_slots = 1024;

    const std::string identity_ = random_identity();
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::uint32_t waiting_ = 0;
    std::uint32_t capacity_ = default_capacity;
    std::uint32_t used_ = 0;
    std::uint32_t open_ = 0;
    std::uint64_t next_sequence_ = 1;
    std::vector<std::unique_ptr<Slot[]>> chunks_;
    std::vector<Slot*> free_;
    Ring ring_;
    std::vector<Slot*> returned_;  // heap, lowest sequence on top: came back and take their old place
    std::vector<Slot*> delayed_;   // heap, soonest on top
};

// The queue of that name in this process; made on first use, kept until the process ends.
Queue& queue_named(const std::string& name);

// Fills the message from an open slot, which it borrows.
void show(const Slot& slot, volley_message& out);

std::int64_t unix_ms();

// When a message that is put off for `delay_ms` is visible; 0: at once, the zero time. A century is as long
// as ever.
Clock::time_point due_after(std::uint64_t delay_ms);

}  // namespace volley::memory

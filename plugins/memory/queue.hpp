// A queue inside the process. A message lives in a slot from produce until it is acknowledged; slots and
// their memory are reused, so that the steady state allocates nothing. Order: by sequence among visible
// messages. A redelivered message keeps its place. Thread: any. The lock is taken per batch, and bytes are
// copied outside it.
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
    std::uint32_t generation = 0;  // increases at each opening, so that stale handles are detected
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
    std::int64_t oldest_timestamp_ms = 0;  // of the ready messages; 0: none
};

class Queue {
public:
    static constexpr std::uint32_t default_capacity = 100'000;

    Queue() = default;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    void set_capacity(std::uint32_t messages);
    // A random id: the queue lives no longer than the process.
    const std::string& identity() const { return identity_; }

    // Fills slots[0..n) with empty slots that the caller owns until it publishes them. Returns n <= count;
    // fewer if the queue is full.
    std::uint32_t reserve(Slot** slots, std::uint32_t count);
    // Makes them visible in this order; a slot with a future `due` becomes visible at that time.
    void publish(Slot** slots, std::uint32_t count);
    // Opens reserved slots for `owner` immediately, without publishing them.
    void open_reserved(Slot** slots, std::uint32_t count, const void* owner);

    // Opens up to `count` visible messages for `owner`, but none after the one that reaches max_bytes (0: no
    // limit). Waits for the first until `deadline`, or until `interrupted` is set and wake_all() called;
    // resets `interrupted`. Returns how many were opened.
    std::uint32_t take(Slot** slots, std::uint32_t count, std::uint64_t max_bytes, const void* owner,
                       Clock::time_point deadline, bool& interrupted);
    // Sets `flag` under the lock and wakes all waiting threads.
    void interrupt(bool& flag);

    // Closes deliveries of `owner` by outcome; sets each `result`.
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride, const void* owner);
    // Puts back all open deliveries of `owner`.
    void release_all(const void* owner);

    Depth depth();
    // Copies up to `count` messages that are not open, in order, beginning with the `skip`th.
    std::vector<std::unique_ptr<Slot>> copies(std::uint64_t skip, std::uint32_t count);
    std::unique_ptr<Slot> find(std::string_view id);
    // Return how many messages were removed; open ones stay.
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
    std::vector<Slot*> returned_;  // heap, lowest sequence on top: to be redelivered in their old place
    std::vector<Slot*> delayed_;   // heap, soonest on top
};

// The queue of that name in this process; created on first use and kept until the process ends.
Queue& queue_named(const std::string& name);

// Fills the message from an open slot, which it borrows.
void show(const Slot& slot, volley_message& out);

std::int64_t unix_ms();

// The time at which a message that is delayed by `delay_ms` becomes visible; 0: immediately, the zero time.
// The delay is limited to a century.
Clock::time_point due_after(std::uint64_t delay_ms);

}  // namespace volley::memory

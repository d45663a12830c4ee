// The messages that a consumer holds: each is open until it is settled or committed. Their bodies stay where
// hiredis parsed them, in the reply to the receive.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "envelope.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

// A message in flight.
struct Delivery {
    std::uint32_t batch = 0;       // whose reply owns the bytes
    std::uint32_t generation = 0;  // of this slot: a handle of an earlier generation is not valid
    std::string_view id;
    std::string receipt;  // the receive count
    bool is_open = false;
    bool is_ack_unconfirmed = false;  // an ack was sent, and its reply was lost
    bool is_in_commit = false;        // a commit that acks it was posted; its outcome is not known yet
};

// The reply of one receive, and the data decoded from it. It lives as long as a delivery or another user
// refers to it.
struct ReceivedBatch {
    Reply reply;
    std::deque<Opened> envelopes;
    std::uint32_t references = 0;
};

// Slots and batches are reused. Used by one thread.
class Deliveries {
public:
    // Takes ownership of the reply of a receive. Returns the index of its batch, with one reference, which
    // the caller owns.
    std::uint32_t add_batch(Reply reply);
    ReceivedBatch& batch(std::uint32_t index) { return batches_[index]; }
    // Gives up one reference. Frees the batch with the last one.
    void release_batch(std::uint32_t index);

    // Opens a delivery of that batch, and returns its handle. `id` points into the batch's reply.
    std::uint64_t open(std::uint32_t batch, std::string_view id, std::int64_t receive_count);
    // Returns the open delivery of the handle, or null.
    Delivery* find(std::uint64_t handle) {
        const auto slot = static_cast<std::uint32_t>(handle);
        if (slot >= slots_.size()) return nullptr;
        Delivery& delivery = slots_[slot];
        return delivery.is_open && delivery.generation == handle >> 32U ? &delivery : nullptr;
    }
    // Closes the delivery; views of its message end. Requires: find(handle).
    void close(std::uint64_t handle);

private:
    std::vector<ReceivedBatch> batches_;
    std::vector<std::uint32_t> free_batches_;
    std::vector<Delivery> slots_;
    std::vector<std::uint32_t> free_slots_;
};

// Fills all fields except handle and lease, with views into `id`, `body` and, if `open_envelopes` is set and
// the body is an envelope, into an element that it appends to `envelopes`.
void fill_message(volley_message& message, const redisReply* id, const redisReply* body,
                  std::int64_t receive_count, bool open_envelopes, std::deque<Opened>& envelopes);

}  // namespace volley::rsmq

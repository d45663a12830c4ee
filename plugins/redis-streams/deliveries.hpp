// The messages that a consumer holds: each is open until it is settled. Their bytes stay where hiredis parsed
// them, in the reply that brought them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "reply.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// A message in flight.
struct Delivery {
    std::uint32_t batch = 0;       // whose reply owns the bytes
    std::uint32_t generation = 0;  // of this slot: a handle of an earlier generation is not valid
    std::string_view id;
    std::string count;  // the delivery count: with the consumer's name, the receipt
    bool is_open = false;
    bool is_ack_unconfirmed = false;  // an ack was sent, and its reply was lost
};

// A reply with entries, and the headers that were decoded from it. It lives as long as a delivery or another
// user refers to it.
struct ReceivedBatch {
    Reply reply;
    std::deque<std::vector<volley_header>> headers;
    std::uint32_t references = 0;
};

// Slots and batches are reused. Used by one thread.
class Deliveries {
public:
    // Takes ownership of a reply. Returns the index of its batch, with one reference, which the caller owns.
    std::uint32_t add_batch(Reply reply);
    ReceivedBatch& batch(std::uint32_t index) { return batches_[index]; }
    // Gives up one reference. Frees the batch with the last one.
    void release_batch(std::uint32_t index);

    // Opens a delivery of that batch, and returns its handle. `id` points into the batch's reply.
    std::uint64_t open(std::uint32_t batch, std::string_view id, std::int64_t count);
    // Returns the open delivery of the handle, or null.
    Delivery* find(std::uint64_t handle);
    // Closes the delivery; views of its message end. Requires: find(handle).
    void close(std::uint64_t handle);
    // The ids of all open deliveries.
    std::unordered_set<std::string_view> open_ids() const;

private:
    std::deque<ReceivedBatch> batches_;
    std::vector<std::uint32_t> free_batches_;
    std::vector<Delivery> slots_;
    std::vector<std::uint32_t> free_slots_;
};

}  // namespace volley::streams

// A store with one consumer behind the real C ABI, for tests of the intake's parts. A test sets what the
// consumer offers and answers, makes one call of the part, and reads what the consumer was called with.
// One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "runtime/input.hpp"

namespace fake {

// A settlement result that the consumer does not set.
inline constexpr std::int32_t unset = 1000;

struct Store {
    // What it offers.
    bool log = false;
    bool partitions = false;
    bool leases = false;
    bool inspect = false;
    bool atomic = false;  // outputs and acks in one transaction
    bool posts = false;   // … of which one may be posted while another is on its way

    // What it answers.
    std::vector<volley_message> messages;  // of the next consume
    std::int32_t consume = VOLLEY_OK;
    std::uint32_t retry_after_ms = 0;  // the hint of a consume that fails
    std::int32_t settle = VOLLEY_OK;
    std::vector<std::int32_t> results;  // of the settlements, in order; those behind are VOLLEY_OK
    std::int32_t commit = VOLLEY_OK;
    std::int32_t pause = VOLLEY_OK;         // of pause and of resume
    std::int32_t extend = VOLLEY_OK;        // of the call
    std::vector<std::int32_t> leases_left;  // of the handles, in order; those behind are VOLLEY_OK
    std::deque<std::int32_t> transactions;  // the outcomes, in order; those behind are VOLLEY_OK
    std::set<std::uint64_t> lost;           // the handles whose acks are lost, says a VOLLEY_E_LOST
    std::int32_t stats = VOLLEY_OK;
    std::int64_t ready = -1;
    std::int64_t delayed = -1;

    // What it was called for, oldest first: "settle 7 ack, 8 nack in 30000 ms: cause",
    // "commit orders/0 epoch 1 at 5, wait", "pause orders/0", "consume 2 ms", "extend 7 8", "stats",
    // "transaction 7 8", "post 7 8", "outcome 7 8".
    std::vector<std::string> calls;
    // Returns the calls since the last time.
    std::vector<std::string> take_calls();
    // The batch of the last consume: were its messages as the ABI promises them?
    bool batch_was_blank = false;
};

// The other functions are called on every consumer; these two are optional in the ABI.
enum class Offers { everything, no_interrupt, no_poll };

// An input that reads the store, which must outlive it. It is attached and open.
volley::runtime::Input open_input(Store& store, Offers offers = Offers::everything);
// The same before attach() and open().
volley::runtime::Input made_input(Store& store, Offers offers = Offers::everything);

// A producer of the same store.
volley::plugins::Producer made_producer(Store& store);

using Calls = std::vector<std::string>;

}  // namespace fake

// A store with one consumer behind the real C ABI, for tests of the intake's parts. A test sets the
// capabilities and the results of the consumer, makes one call of the part, and reads which calls the
// consumer got. Not thread-safe.
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
    // Capabilities.
    bool log = false;
    bool partitions = false;
    bool leases = false;
    bool inspect = false;
    bool atomic = false;  // outputs and acks in one transaction
    bool posts = false;   // a transaction may be posted while another is pending

    // Results of the calls.
    std::vector<volley_message> messages;  // for the next consume
    std::int32_t consume = VOLLEY_OK;
    std::uint32_t retry_after_ms = 0;  // the hint of a consume that fails
    std::int32_t settle = VOLLEY_OK;
    std::vector<std::int32_t> results;  // of the settlements, in order; then VOLLEY_OK
    std::int32_t commit = VOLLEY_OK;
    std::int32_t pause = VOLLEY_OK;         // of pause and of resume
    std::int32_t extend = VOLLEY_OK;        // of the call
    std::vector<std::int32_t> leases_left;  // of the handles, in order; then VOLLEY_OK
    std::deque<std::int32_t> transactions;  // the outcomes, in order; then VOLLEY_OK
    std::set<std::uint64_t> lost;           // the handles whose acks are lost if the outcome is VOLLEY_E_LOST
    std::int32_t stats = VOLLEY_OK;
    std::int64_t ready = -1;
    std::int64_t delayed = -1;
    std::vector<volley_partition_lag> lags;  // empty: the consumer does not offer them

    // The calls, oldest first: "settle 7 ack, 8 nack in 30000 ms: cause", "commit orders/0 epoch 1 at 5,
    // wait", "pause orders/0", "consume 2 ms", "extend 7 8", "stats", "transaction 7 8", "post 7 8", "outcome
    // 7 8".
    std::vector<std::string> calls;
    // Returns the calls since the last take_calls().
    std::vector<std::string> take_calls();
    // Whether the messages in the batch of the last consume were blank, as the ABI promises.
    bool batch_was_blank = false;
};

// Which of the two optional functions of the ABI the consumer has. It has all others.
enum class Offers { everything, no_interrupt, no_poll };

// Returns an input that reads the store, attached and open. The store must outlive it.
volley::runtime::Input open_input(Store& store, Offers offers = Offers::everything);
// Returns the same, before attach() and open().
volley::runtime::Input made_input(Store& store, Offers offers = Offers::everything);

// Returns a producer of the store.
volley::plugins::Producer made_producer(Store& store);

using Calls = std::vector<std::string>;

}  // namespace fake

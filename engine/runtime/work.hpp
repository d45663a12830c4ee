// What the runtime keeps of an open message: the part that the core must not know. It stands in a slab under
// the core's slot number. Whoever the core gave the message to owns it: a worker while it runs, the intake
// thread otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/codec.hpp"
#include "delivery/slab.hpp"
#include "delivery/types.hpp"
#include "runtime/arena.hpp"
#include "volley/plugin.h"
#include "volley/view.hpp"

namespace volley::runtime {

// One output of a message, as it was handed to a producer. Its views are the input's own, or in the message's
// arena.
struct Output {
    std::uint16_t port = 0;  // index of the component's output
    bool failed = false;     // to be sent again; set by the intake thread from the report
    volley_record record{};
};

struct Work {
    volley_message message{};  // the consumer's views: valid until the delivery is settled
    std::string_view body;     // what the handler sees
    bool decoded = false;
    bool encoded = false;  // the outputs are there: forwarded and encoded when the key was looked for
    std::optional<codec::Failure> refused;  // why it can never be handled, found when the key was looked for
    std::vector<Output> outputs;
    Arena arena;
    std::string scratch;  // the decoded body where it is not the input's own bytes
    std::string key;      // where the queue's `key` pointer takes it from the body
    // Of failures, for the dead letter and the log.
    std::string first_error;
    std::string last_error;
    std::uint32_t reason = 0;  // VOLLEY_REASON_… of the last failure
    std::int64_t received_ms = 0;
    bool truncate = false;                // its dead letter was too large for the queue
    std::atomic<bool> lease_lost{false};  // another has it; set by the intake thread, whoever works on it

    void reset() {
        outputs.clear();
        arena.reset();
        decoded = encoded = false;
        refused.reset();
        key.clear();
        first_error.clear();
        last_error.clear();
        reason = 0;
        truncate = false;
        lease_lost.store(false, std::memory_order_relaxed);
    }

    void explain(std::uint32_t why, std::string_view text) {
        constexpr std::size_t longest = 1024;  // of an error in a header
        reason = why;
        last_error.assign(text.substr(0, longest));
        if (first_error.empty()) first_error = last_error;
    }
};

using Works = delivery::Slab<Work>;

// The token of a record: the slot, the output's place in the message, and whether it is the dead letter.
inline constexpr std::uint64_t dead_letter_bit = 1ULL << 63U;
inline std::uint64_t token_of(delivery::Slot slot, std::size_t output) {
    return slot | (static_cast<std::uint64_t>(output) << 32U);
}
inline delivery::Slot slot_of(std::uint64_t token) { return static_cast<delivery::Slot>(token); }
inline std::size_t output_of(std::uint64_t token) {
    return static_cast<std::size_t>((token & ~dead_letter_bit) >> 32U);
}

}  // namespace volley::runtime

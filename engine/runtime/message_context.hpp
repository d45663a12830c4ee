// What the runtime keeps of an open message: the part that the core must not know. It stands in a slab under
// the core's slot number. Whoever the core gave the message to owns it: a worker while it runs, the intake
// thread otherwise. What the intake thread writes for every message and what a worker does stand in cache
// lines of their own: between two cores a line that both write costs more than all that is done with it.
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
    std::uint16_t queue_index = 0;  // index of the component's output
    bool failed = false;            // to be sent again; set by the intake thread from the report
    volley_record record{};
};

inline constexpr std::size_t cache_line = 64;

struct alignas(cache_line) MessageContext {
    // What a slot keeps from message to message, so that the steady state allocates nothing.
    static constexpr std::size_t kept = 2048;
    static constexpr std::size_t kept_outputs = 8;
    static constexpr std::size_t kept_text = 64;

    // Written when it comes.
    volley_message message{};    // the consumer's views: valid until the delivery is settled
    std::uint32_t arrivals = 0;  // of messages in this slot
    std::uint32_t store = 0;     // where it is from: index in Pipeline::stores; 0: its connector does not say

    // Of little interest to whoever works on it.
    alignas(cache_line) std::int64_t received_ms = 0;
    std::atomic<bool> lease_lost{false};  // another has it; set by the intake thread, whoever works on it

    // Of the message that begin() was called for.
    alignas(cache_line) std::uint32_t begun = 0;
    std::uint64_t origin = 0;  // identity.cpp's; 0: not computed yet
    std::string_view body;     // what the handler sees
    std::vector<Output> outputs;
    Arena arena;
    bool decoded = false;
    bool encoded = false;      // the outputs are there: forwarded and encoded when the key was looked for
    bool truncate = false;     // its dead letter was too large for the queue
    bool is_clean = true;      // what stands below is empty
    std::uint32_t reason = 0;  // VOLLEY_REASON_… of the last failure
    std::size_t counted = 0;   // of held(): with the input's bytes
    std::optional<codec::Failure> refused;  // why it can never be handled, found when the key was looked for
    std::string scratch;                    // the decoded body where it is not the input's own bytes
    std::string key;                        // where the queue's `key` pointer takes it from the body
    // Of failures, for the dead letter and the log.
    std::string first_error;
    std::string last_error;

    void arrive(const volley_message& came, std::int64_t now_ms, std::uint32_t from_store) {
        message = came;
        ++arrivals;
        store = from_store;
        received_ms = now_ms;
        lease_lost.store(false, std::memory_order_relaxed);
    }

    // Asks the processor for what a worker needs first.
    void fetch() const {
        __builtin_prefetch(&message);
        __builtin_prefetch(reinterpret_cast<const char*>(&message) + cache_line);
        __builtin_prefetch(&begun);
    }

    // Clears what the message before left. To be called before anything but what arrive() set is used; does
    // nothing the second time.
    void begin() {
        if (begun == arrivals) return;
        begun = arrivals;
        outputs.clear();
        arena.reset();
        decoded = encoded = truncate = false;
        reason = 0;
        origin = 0;
        counted = 0;
        if (is_clean) return;
        is_clean = true;
        refused.reset();
        key.clear();
        first_error.clear();
        last_error.clear();
    }

    // The bytes that it holds beside the input, if they are more than a slot may keep for good.
    std::size_t held() const {
        const std::size_t all =
            arena.capacity() + outputs.capacity() * sizeof(Output) + scratch.capacity() + key.capacity();
        return all <= kept ? 0 : all;
    }

    // Forgets what was made of the message, for another attempt or for its dead letter.
    void discard_outputs() {
        outputs.clear();
        if (outputs.capacity() > kept_outputs) std::vector<Output>().swap(outputs);
        arena.reset();
        encoded = false;
        if (scratch.capacity() > kept_text) {
            std::string().swap(scratch);
            body = {};
            decoded = false;
        }
    }

    // The message is over: gives back what the next one in this slot may not need.
    void shrink() {
        discard_outputs();
        for (std::string* text : {&key, &first_error, &last_error})
            if (text->capacity() > kept_text) std::string().swap(*text);
    }

    void explain(std::uint32_t why, std::string_view text) {
        constexpr std::size_t longest = 1024;  // of an error in a header
        reason = why;
        is_clean = false;
        last_error.assign(text.substr(0, longest));
        if (first_error.empty()) first_error = last_error;
    }
};

using MessageContexts = delivery::Slab<MessageContext>;

// The token of a record: the slot, which of the slot's messages, the output's place in the message, and
// whether it is the dead letter. A report of a message that is gone is told by its life.
inline constexpr std::uint32_t slot_bits = 22, output_bits = 24, life_bits = 16;
inline constexpr std::size_t most_outputs = (1U << output_bits) - 1;
inline constexpr std::uint64_t dead_letter_bit = 1ULL << 63U;
static_assert(life_bits == 8 * sizeof(std::uint16_t) && slot_bits + output_bits + life_bits < 63);
static_assert((1U << slot_bits) == MessageContexts::max_chunks * MessageContexts::chunk_size);

inline std::uint16_t life_of(std::uint64_t arrivals) { return static_cast<std::uint16_t>(arrivals); }
inline std::uint64_t token_of(delivery::Slot slot, const MessageContext& context, std::size_t output) {
    return slot | (static_cast<std::uint64_t>(output) << slot_bits) |
           (static_cast<std::uint64_t>(life_of(context.arrivals)) << (slot_bits + output_bits));
}
inline delivery::Slot slot_of(std::uint64_t token) {
    return static_cast<delivery::Slot>(token & ((1U << slot_bits) - 1));
}
inline std::uint32_t output_of(std::uint64_t token) {
    return static_cast<std::uint32_t>((token >> slot_bits) & most_outputs);
}
inline std::uint16_t life_of_token(std::uint64_t token) {
    return life_of(token >> (slot_bits + output_bits));
}

}  // namespace volley::runtime

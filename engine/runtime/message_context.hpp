// What the runtime keeps for an open message, and the core must not know. The contexts are in a slab, indexed
// by the core's slot number. A worker owns the context while it processes the message; otherwise the intake
// thread owns it. The fields that the intake thread writes for every message and those that a worker writes
// are in separate cache lines: if two processor cores wrote to the same line, that would cost more than all
// other work on it.
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
#include "tracing/context.hpp"
#include "volley/plugin.h"
#include "volley/view.hpp"

namespace volley::runtime {

// One output of a message, as a producer gets it. Its views point into the input's own bytes or into the
// message's arena.
struct Output {
    std::uint16_t queue_index = 0;  // index of the component's output
    bool failed = false;            // to be sent again; the intake thread sets it from the report
    volley_record record{};
};

inline constexpr std::size_t cache_line = 64;

struct alignas(cache_line) MessageContext {
    // How much memory a slot keeps from one message to the next, so that the steady state does not allocate.
    static constexpr std::size_t kept = 2048;
    static constexpr std::size_t kept_outputs = 8;
    static constexpr std::size_t kept_text = 64;

    // Written on arrival.
    volley_message message{};  // the consumer's views: valid until the delivery is settled
    std::uint32_t lives = 0;   // changes together with Entry::life of this slot
    std::uint32_t store = 0;  // the message's store: index in Pipeline::stores; 0: its connector does not say

    // Rarely read while the message is processed.
    alignas(cache_line) std::int64_t received_ms = 0;
    std::atomic<bool> lease_lost{false};  // another consumer has it; the intake thread sets this at any time

    // Belongs to the message for which begin() was called.
    alignas(cache_line) std::uint32_t begun = 0;
    std::uint64_t origin = 0;  // for identity.cpp; 0: not computed yet
    std::string_view body;     // what the handler sees
    std::vector<Output> outputs;
    Arena arena;
    bool decoded = false;
    bool encoded = false;      // the outputs exist: they were added and encoded when the key was looked up
    bool truncate = false;     // its dead letter was too large for the queue
    bool is_clean = true;      // the fields from `refused` on are empty
    std::uint32_t reason = 0;  // VOLLEY_REASON_… of the last failure
    std::size_t counted = 0;   // the part of held() that is already counted with the input's bytes
    std::optional<codec::Failure> refused;  // why it can never be handled, found during the key lookup
    std::string scratch;                    // the decoded body, if it is not the input's own bytes
    std::string key;                        // the key, if the queue's `key` pointer takes it from the body
    // Errors, for the dead letter and the log.
    std::string first_error;
    std::string last_error;
    // Of the attempt; only with a tracer, and then set by its begin_span().
    tracing::OpenSpan span;

    void arrive(const volley_message& came, std::int64_t now_ms, std::uint32_t from_store) {
        message = came;
        ++lives;
        store = from_store;
        received_ms = now_ms;
        lease_lost.store(false, std::memory_order_relaxed);
    }

    // Prefetches the cache lines that a worker needs first.
    void fetch() const {
        __builtin_prefetch(&message);
        __builtin_prefetch(reinterpret_cast<const char*>(&message) + cache_line);
        __builtin_prefetch(&begun);
    }

    // Clears what the previous message left. Call it before using anything that arrive() does not set. Does
    // nothing when it is called again for the same message.
    void begin() {
        if (begun == lives) return;
        begun = lives;
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

    // Outputs or a dead letter are about to be sent by an item of their own: reports of an earlier sending
    // are of another life. Requires: begin() was called.
    void send_anew() { begun = ++lives; }

    // Returns the bytes that the context holds in addition to the input, or 0 if a slot may keep that many
    // permanently.
    std::size_t held() const {
        const std::size_t all =
            arena.capacity() + outputs.capacity() * sizeof(Output) + scratch.capacity() + key.capacity();
        return all <= kept ? 0 : all;
    }

    // Discards the outputs, before another attempt or before the dead letter is built.
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

    // The message is settled: frees memory that the next message in this slot may not need.
    void shrink() {
        discard_outputs();
        for (std::string* text : {&key, &first_error, &last_error})
            if (text->capacity() > kept_text) std::string().swap(*text);
    }

    void explain(std::uint32_t why, std::string_view text) {
        constexpr std::size_t longest = 1024;  // limit for an error text in a header
        reason = why;
        is_clean = false;
        last_error.assign(text.substr(0, longest));
        if (first_error.empty()) first_error = last_error;
    }
};

using MessageContexts = delivery::Slab<MessageContext>;

// The token of a record consists of the slot, the life of the slot, the index of the output and a bit for a
// dead letter. The life numbers the messages of a slot, so a report for an earlier message is recognised.
inline constexpr std::uint32_t slot_bits = 22, output_bits = 24, life_bits = 16;
inline constexpr std::size_t most_outputs = (1U << output_bits) - 1;
inline constexpr std::uint64_t dead_letter_bit = 1ULL << 63U;
static_assert(life_bits == 8 * sizeof(std::uint16_t) && slot_bits + output_bits + life_bits < 63);
static_assert((1U << slot_bits) == MessageContexts::max_chunks * MessageContexts::chunk_size);

inline std::uint16_t life_of(std::uint64_t lives) { return static_cast<std::uint16_t>(lives); }
inline std::uint64_t token_of(delivery::Slot slot, const MessageContext& context, std::size_t output) {
    return slot | (static_cast<std::uint64_t>(output) << slot_bits) |
           (static_cast<std::uint64_t>(life_of(context.lives)) << (slot_bits + output_bits));
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

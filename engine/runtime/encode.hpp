// Encoding: turns outputs into records that their stores accept.
#pragma once

#include <optional>
#include <string>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Adds an output to `context` as forward does: the message unchanged, with its key and headers.
void add_forward(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                 std::uint16_t queue_index);

// Adds the output that a handler asked for. If it has no key or no headers, it gets those of the input.
// Copies everything that is not VOLLEY_RECORD_BORROWED. Errors: the text says what the store cannot do.
Result<void> add_emitted(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                         std::uint16_t queue_index, const volley_record& record);

// Encodes the bodies of all outputs for their queues, and gives each output its stable id. Returns why an
// output cannot be sent, or nothing. If `parsed` is not null, it may hold the tree of context.body.
std::optional<codec::Failure> encode(const Pipeline& pipeline, MessageContext& context,
                                     const codec::Parsed* parsed = nullptr);

}  // namespace volley::runtime

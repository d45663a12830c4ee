// Encode: outputs become records that their stores take.
#pragma once

#include <optional>
#include <string>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Adds an output to `context` as forward does: the message as it is, with its key and headers.
void add_forward(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                 std::uint16_t queue_index);

// Adds an output as a handler asked for it; absent key and headers are the input's. Copies what is not
// VOLLEY_RECORD_BORROWED. Fails with a text that says what the store cannot do.
Result<void> add_emitted(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                         std::uint16_t queue_index, const volley_record& record);

// Encodes the bodies of all outputs for their queues, and gives each its stable id. Returns why one is
// unsendable. `parsed`, if not null, may hold the tree of context.body.
std::optional<codec::Failure> encode(const Pipeline& pipeline, MessageContext& context,
                                     const codec::Parsed* parsed = nullptr);

}  // namespace volley::runtime

// The dead letter: the original bytes, unchanged, and headers that say where the message came from, how often
// it was tried and why it was given up.
#pragma once

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Builds the record for the dead-letter queue. A store without headers gets an envelope: a JSON object with
// the headers, the key, and the body as text, or as base64 if it is not UTF-8. Replaces the outputs of the
// message. The views of the record point into the message's arena or into the input's own bytes.
volley_record dead_letter(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                          std::uint32_t attempts);

}  // namespace volley::runtime

// The dead letter: the original bytes, untouched, and headers that say where it is from, what was tried, and
// why not.
#pragma once

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Builds the record for the dead-letter queue. A store without headers gets an envelope: a JSON object of the
// headers, the key, and the body as text, or as base64 where it is not UTF-8. Takes the place of the
// message's outputs; views are in its arena or the input's own.
volley_record dead_letter(const Pipeline& pipeline, MessageContext& context, delivery::Slot slot,
                          std::uint32_t attempts);

}  // namespace volley::runtime

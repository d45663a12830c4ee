// Decode: from the input's bytes to the body that the handler sees, checked against the queue's schema on the
// way.
#pragma once

#include <optional>
#include <string>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Fills context.body. Returns why the message can never be handled, or nothing. A message that was decoded is
// not parsed again. `keep`, if not null, is left holding the tree of the body, if there was one to make.
// Thread: whoever has the message in hand.
std::optional<codec::Failure> decode(const Pipeline& pipeline, MessageContext& context,
                                     codec::Parsed* keep = nullptr);

}  // namespace volley::runtime

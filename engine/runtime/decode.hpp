// Decoding: turns the input's bytes into the body that the handler sees, and checks it against the queue's
// schema.
#pragma once

#include <optional>
#include <string>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Fills context.body. Returns why the message can never be handled, or nothing. Does not parse a message that
// is already decoded. If `keep` is not null, it receives the parsed tree of the body, if there is one.
// Thread: the one that owns the message.
std::optional<codec::Failure> decode(const Pipeline& pipeline, MessageContext& context,
                                     codec::Parsed* keep = nullptr);

}  // namespace volley::runtime

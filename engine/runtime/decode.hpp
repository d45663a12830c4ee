// Decode: from the input's bytes to the body that the handler sees, checked against the queue's schema on the
// way.
#pragma once

#include <optional>
#include <string>

#include "runtime/pipeline.hpp"
#include "runtime/work.hpp"

namespace volley::runtime {

// Fills work.body. Returns why the message can never be handled, or nothing. A message that was decoded is
// not parsed again. `keep`, if not null, is left holding the tree of the body, if there was one to make.
// Thread: whoever has the message in hand.
std::optional<codec::Failure> decode(const Pipeline& pipeline, Work& work, codec::Parsed* keep = nullptr);

}  // namespace volley::runtime

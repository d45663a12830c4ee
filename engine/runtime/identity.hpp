// What tells a message from every other, for good: the ids of its outputs and dead letters and its name in
// the crash journal are made of it. A message's own id is unique in its store only, and a store may be made
// anew under the same name. So the store's identity (volley.identity/1) and the message's time belong to it.
// Of a store that has no identity the content stands in, and ids hold for the life of the process.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// What MessageContext::store keeps of a store's identity; never 0.
std::uint64_t store_name(std::string_view identity);

// Does the store give the message an id or an offset? Without one it cannot be told from others.
bool has_own_id(const volley_message& message);

// Names an output for good: the same message gives the same id after a crash. It is made of where the message
// is from, the component, and `what`: the output's number, or "dead". Absent if the message cannot be told
// from others. In the message's arena.
volley_view stable_id(const Pipeline& pipeline, MessageContext& context, std::string_view what);

// The message's name in the crash journal: the same after a restart. 0: it cannot be told from others.
std::uint64_t journal_name(const Pipeline& pipeline, MessageContext& context);

}  // namespace volley::runtime

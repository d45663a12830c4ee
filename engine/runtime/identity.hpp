// The identity of a message. The ids of its outputs and dead letters, and its name in the crash journal, are
// derived from it. A message's own id is unique only within its store, and a store may be created anew under
// the same name. Therefore the identity also includes the store's identity (volley.identity/1) and the
// message's timestamp. If a store has no identity, the content takes its place, and ids stay the same only
// while the process runs.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/message_context.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// Returns the number in Pipeline::stores that stands for a store's identity; never 0.
std::uint64_t store_name(std::string_view identity);

// Returns whether the store gives the message an id or an offset. Without one, the message cannot be
// distinguished from others.
bool has_own_id(const volley_message& message);

// Returns the permanent id of an output: the same message gives the same id after a crash. It consists of the
// message's origin, the component and `what`: the output's index, or "dead". Absent if the message cannot be
// distinguished from others. The text is in the message's arena.
volley_view stable_id(const Pipeline& pipeline, MessageContext& context, std::string_view what);

// Returns a number for the message that stays the same after a restart; 0: it cannot be distinguished from
// others. Cheaper than journal_name(), and unique only among the messages of the component's input.
std::uint64_t message_name(const Pipeline& pipeline, MessageContext& context);

// Returns the message's name in the crash journal, which stays the same after a restart; 0: it cannot be
// distinguished from others.
std::uint64_t journal_name(const Pipeline& pipeline, MessageContext& context);

}  // namespace volley::runtime

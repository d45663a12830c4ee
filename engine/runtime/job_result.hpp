// What the status of a job means for its message.
#pragma once

#include "runtime/jobs.hpp"
#include "runtime/pass_results.hpp"

namespace volley::runtime {

// Past its deadline a job has as long again, and no longer than this, to be finished: clients often give up
// just then. After that the instance is replaced.
inline constexpr delivery::Millis longest_grace{5'000};

// Fills in the job's message and its task, for a handler that is about to be called.
void prepare_task(Pipeline& pipeline, const delivery::WorkItem& item, Job& job, volley_task& task);

// How a message whose job has ended came out. `may_skip`: it may be left VOLLEY_AGAIN, because something
// before it in its group failed, or because it is cut off; otherwise it would come again without end.
HandlerResult result_of(const Job& job, bool may_skip);
HandlerResult timed_out(const Pipeline& pipeline, MessageContext& context, delivery::Millis took);
// Explains why in the message's context.
HandlerResult failed(MessageContext& context, delivery::Verdict verdict, std::uint32_t reason,
                     std::string_view why);

}  // namespace volley::runtime

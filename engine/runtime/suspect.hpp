// Messages that were in the handler when the process died.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/identity.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

// In how many deaths of the process the message was at work; 0: it is no suspect.
inline std::uint32_t crashes_with(const Pipeline& pipeline, MessageContext& context) {
    if (!pipeline.journal || !pipeline.journal->has_suspects()) return 0;
    return pipeline.journal->crashes(journal_name(pipeline, context));
}

// Fails a suspect for good. Returns false if it may run once more, alone.
inline bool convict(Pipeline& pipeline, const delivery::WorkItem& item, std::uint32_t crashes,
                    PassResults& results) {
    if (crashes < pipeline.config.max_crashes) return false;
    pipeline.contexts[item.slot].explain(
        VOLLEY_REASON_CRASH_LOOP,
        "it was in the handler each of the " + std::to_string(crashes) + " times that the process died");
    results.give_back(item, {delivery::Verdict::fail, VOLLEY_REASON_CRASH_LOOP, 0});
    return true;
}

}  // namespace volley::runtime

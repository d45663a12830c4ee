// Carries batches of work through a handler that handles them within the call, or through none (forward):
// decode, handle, encode, produce. Owned by the worker's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/handle.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

class BatchRun {
public:
    BatchRun(Pipeline& pipeline, std::uint32_t worker, InstanceSlot& slot, PassResults& results)
        : pipeline_(pipeline), worker_(worker), call_(pipeline, slot), results_(results) {}

    // Carries out all of it, and returns it to the intake.
    void run(const std::vector<delivery::WorkItem>& batch);

    // Since when the handler has been working on one call; 0: it is not. ms of the monotonic clock. Thread:
    // any.
    std::int64_t in_call_since_ms() const { return call_.in_call_since_ms(); }

private:
    std::size_t messages_of_call(const std::vector<delivery::WorkItem>& batch, std::size_t first);
    void handle_messages(const delivery::WorkItem* items, std::size_t count);
    void call_handler();
    void handle_suspect(const delivery::WorkItem& item, std::uint32_t crashes);
    void forward(const delivery::WorkItem& item);
    void measure(Nanoseconds took, std::size_t count);

    Pipeline& pipeline_;
    std::uint32_t worker_;
    HandlerCall call_;
    PassResults& results_;

    std::vector<delivery::WorkItem> sound_;  // of a call: those that could be decoded
    std::vector<HandlerResult> handled_;
    codec::Parsed tree_;                             // of the message that is forwarded
    std::vector<std::uint32_t> last_call_of_group_;  // by group: the last call that had a message of it
    std::uint32_t call_number_ = 0;
};

}  // namespace volley::runtime

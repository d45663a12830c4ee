// What one pass of a worker results in: completions for the intake, and records for the producers. Collects
// both, then hands the records to the producers before the completions to the intake: a group may go on when
// its outputs were accepted, not before.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "runtime/pipeline.hpp"

namespace volley::runtime {

// How a message came out of its handler.
struct HandlerResult {
    delivery::Verdict verdict = delivery::Verdict::not_started;
    std::uint32_t reason = VOLLEY_REASON_NONE;
    std::uint64_t retry_after_ms = 0;
    bool was_skipped = false;  // the handler left it VOLLEY_AGAIN
};

// Owned by the worker's thread.
class PassResults {
public:
    PassResults(Pipeline& pipeline, std::uint32_t worker) : pipeline_(pipeline), worker_(worker) {}

    // Before the first pass: the output queues are known.
    void prepare();
    void begin_pass();
    // The handler has succeeded: encodes the outputs, which fails the message if they cannot be encoded.
    void hand_over(const delivery::WorkItem& item);
    // The same for outputs that are encoded.
    void send(const delivery::WorkItem& item);
    void send_again(const delivery::WorkItem& item);
    void send_dead_letter(const delivery::WorkItem& item);
    // The message can never be decoded, or encoded.
    void refuse(const delivery::WorkItem& item, const codec::Failure& failure);
    void give_back(const delivery::WorkItem& item, const HandlerResult& result);
    // Whether a message before this one failed in the same turn of the group, in this pass or an earlier one.
    bool group_failed(const delivery::WorkItem& item) const;
    // Produces, and returns the messages to the intake. `finished`: work items that the worker no longer
    // holds.
    void end_pass(std::uint32_t finished);

    // The output queue that records are handed to right now; null: none. Thread: any.
    const OutputQueue* output_queue_in_use() const { return output_queue_in_use_.load(); }

private:
    void produce_all();
    void hand_over_spans();
    void produce_to(OutputQueue& output_queue, std::size_t index);

    Pipeline& pipeline_;
    std::uint32_t worker_;
    std::atomic<const OutputQueue*> output_queue_in_use_{nullptr};
    std::vector<std::vector<volley_record>> records_;  // by output queue; the last is the dead-letter queue
    std::vector<std::vector<std::uint32_t>> places_;   // of each record's message, in completions_
    std::size_t collected_ = 0;                        // records of outputs
    std::vector<Completion> completions_;
    std::vector<tracing::Span> spans_;
    std::vector<std::uint32_t> failed_turns_;  // by group: the last turn in which a message of it failed
};

}  // namespace volley::runtime

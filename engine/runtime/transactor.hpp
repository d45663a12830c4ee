// Makes transactions: the calls into the store for TransactionPipeline, and what the outputs, the log and the
// messages must know of the outcome. Thread: intake.
#pragma once

#include <utility>

#include "delivery/delivery.hpp"
#include "runtime/input.hpp"
#include "runtime/message_failure_log.hpp"
#include "runtime/outage_log.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/store_backoff.hpp"
#include "runtime/transaction_pipeline.hpp"

namespace volley::runtime {

class Transactor {
public:
    Transactor(Pipeline& pipeline, delivery::Delivery& core, Input& input, MessageFailureLog& failures)
        : pipeline_(pipeline),
          core_(core),
          input_(input),
          failures_(failures),
          transactions_(core, pipeline.contexts) {}

    // Finds out whether outputs and acks can be one transaction. All outputs must be in the input's store,
    // and one producer must be able to write to all of them, which it tells apart by their values. Before
    // anything is received.
    void find();
    bool is_in_use() const { return transactions_.is_in_use(); }

    // Takes the outcomes that are here, and begins what can be begun. Errors: the store cannot go on.
    Result<void> run(delivery::Instant now);
    // Waits for the first of the outcomes that are due. Errors: likewise.
    Result<void> take_outcomes(delivery::Millis wait);
    // Has one come since the last call of this?
    bool made_progress() { return std::exchange(progressed_, false); }

    bool has_posted() const { return transactions_.has_posted(); }
    bool is_empty() const { return transactions_.is_empty(); }
    // When run() has something to do that no completion announces; never: nothing.
    delivery::Instant next() const;

    // At the end: waits for what is on its way, then releases everything.
    void await_outcomes(delivery::Instant deadline);
    void release_all() { transactions_.release_all(); }

private:
    using Outcome = TransactionPipeline::Outcome;
    using Conclusion = TransactionPipeline::Conclusion;

    Result<void> post();
    Result<void> commit();
    Error cause_of(const char* call, std::int32_t status, const volley_error& error) const;
    Outcome outcome_of(std::int32_t status, const Transaction& transaction) const;
    void committed(const Conclusion& conclusion);
    void refused(delivery::Slot slot, const Error& error);
    void apply(const Conclusion& conclusion, const Error& cause);

    Pipeline& pipeline_;
    delivery::Delivery& core_;
    Input& input_;
    MessageFailureLog& failures_;
    TransactionPipeline transactions_;
    const volley_ext_atomic* atomic_ = nullptr;
    delivery::Instant next_{0};
    OutageLog outage_;
    StoreBackoff backoff_;
    bool progressed_ = false;
};

}  // namespace volley::runtime

// Makes transactions: calls the store for TransactionPipeline, and passes the outcomes on to the output
// queues, the log and the messages. Thread: intake.
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

    // Finds out whether outputs and acks can be one transaction. All output queues must be in the input's
    // store, and one producer must be able to write to all of them, distinguished by their values. Call it
    // before any message is received.
    void find();
    bool is_in_use() const { return transactions_.is_in_use(); }

    // Takes the outcomes that have arrived, and starts the transactions that can start. Errors: the store
    // cannot go on.
    Result<void> run(delivery::Instant now);
    // Waits for the first pending outcome. Errors: the store cannot go on.
    Result<void> take_outcomes(delivery::Millis wait);
    // Returns whether a transaction was committed since the last call.
    bool made_progress() { return std::exchange(progressed_, false); }

    bool has_posted() const { return transactions_.has_posted(); }
    bool is_empty() const { return transactions_.is_empty(); }
    // Returns when run() has work to do that no completion announces; delivery::never: it has none.
    delivery::Instant next() const;

    // For the end: wait for pending outcomes, then release everything.
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

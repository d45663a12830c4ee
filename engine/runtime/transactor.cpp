#include "runtime/transactor.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "log/log.hpp"
#include "plugins/call_error.hpp"
#include "plugins/wall.hpp"
#include "runtime/call_status.hpp"
#include "runtime/discard.hpp"
#include "runtime/message_span.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

bool has_lost(const std::vector<volley_settlement>& acks) {
    return std::any_of(acks.begin(), acks.end(), [](const auto& ack) { return ack.result == VOLLEY_E_LOST; });
}

// Whether one producer can write to all output queues and distinguish them.
bool are_joint(const std::vector<std::unique_ptr<OutputQueue>>& output_queues) {
    if (output_queues.size() == 1) return true;
    std::set<std::string_view> values;
    for (const auto& output_queue : output_queues) values.insert(output_queue->value);
    return output_queues.front()->can(VOLLEY_JOINT_COMMIT) && values.size() == output_queues.size();
}

}  // namespace

void Transactor::find() {
    const auto& output_queues = pipeline_.output_queues;
    if (input_.has_offsets() || output_queues.empty() || !are_joint(output_queues)) return;
    plugins::Consumer& consumer = input_.consumer();
    const volley_ext_atomic* first = nullptr;
    for (const auto& output_queue : output_queues) {
        if (output_queue->producer->plugin_class().plugin != consumer.plugin_class().plugin) return;
        const auto* atomic =
            static_cast<const volley_ext_atomic*>(output_queue->producer->extension(VOLLEY_EXT_ATOMIC));
        if (atomic == nullptr || atomic->joins(output_queue->producer->get(), consumer.get()) != 1) return;
        if (first == nullptr) first = atomic;
    }
    atomic_ = first;
    transactions_.use(VOLLEY_HAS(volley_ext_atomic, atomic_, outcome) && atomic_->post != nullptr &&
                      atomic_->outcome != nullptr && input_.can_interrupt());
    pipeline_.transactions = true;
    core_.use_transactions();
    log::info("outputs and acks are one transaction", {{"component", pipeline_.config.name}});
}

Result<void> Transactor::run(delivery::Instant now) {
    if (atomic_ == nullptr) return {};
    for (;;) {
        if (auto taken = take_outcomes(delivery::Millis(0)); !taken) return taken;
        if (now < next_) return {};
        switch (transactions_.next()) {
            case TransactionPipeline::Call::none:
                return {};
            case TransactionPipeline::Call::post: {
                if (auto posted = post(); !posted) return posted;
                break;
            }
            case TransactionPipeline::Call::commit:
                if (auto committed = commit(); !committed) return committed;
                now = runtime::now();
                break;
        }
    }
}

// Even if the call failed, the transaction may have been posted.
Result<void> Transactor::post() {
    volley_transaction call = call_of(transactions_.prepared());
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        atomic_->post(pipeline_.output_queues.front()->producer->get(), input_.consumer().get(), &call);
    });
    transactions_.is_posted();
    if (status != VOLLEY_OK) return cause_of("post", status, error);
    return {};
}

Error Transactor::cause_of(const char* call, std::int32_t status, const volley_error& error) const {
    if (status == VOLLEY_OK) return {ErrorCode::retry, ""};
    return plugins::error_of(input_.label(), call, status, error);
}

Result<void> Transactor::commit() {
    Transaction& transaction = transactions_.prepared();
    volley_transaction call = call_of(transaction);
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        return atomic_->commit(pipeline_.output_queues.front()->producer->get(), input_.consumer().get(),
                               &call, &error);
    });
    const Outcome outcome = outcome_of(status, transaction);
    const Error cause = cause_of("commit", status, error);
    const Conclusion conclusion = transactions_.conclude(outcome);
    apply(conclusion, cause);
    if (conclusion.kind != Conclusion::Kind::repeated) return {};
    OutputQueue& output_queue = *pipeline_.output_queues.front();
    output_queue.failed.fetch_add(conclusion.records, std::memory_order_relaxed);
    output_queue.last_error.set(cause.text);
    output_queue.up.store(false, std::memory_order_relaxed);
    if (outcome == Outcome::broken) return cause;
    const delivery::Instant now = runtime::now();
    if (outage_.is_news(cause.text, now)) {
        log::warning(
            "a transaction could not be made; retrying",
            {{"component", pipeline_.config.name}, {"queue", output_queue.queue}, {"cause", cause.text}});
    }
    next_ = now + backoff_.after(outage_.failures());
    return {};
}

Result<void> Transactor::take_outcomes(delivery::Millis wait) {
    while (Transaction* oldest = transactions_.oldest()) {
        volley_error error = plugins::empty_error();
        volley_transaction call = call_of(*oldest);
        const std::int32_t status = plugins::walled(error, [&] {
            return atomic_->outcome(pipeline_.output_queues.front()->producer->get(), input_.consumer().get(),
                                    &call, static_cast<std::uint32_t>(wait.count()), &error);
        });
        if (status == VOLLEY_PENDING) return {};
        wait = delivery::Millis(0);
        const Outcome outcome = outcome_of(status, *oldest);
        const Error cause = cause_of("outcome", status, error);
        const Conclusion conclusion = transactions_.conclude_oldest(outcome);
        apply(conclusion, cause);
        if (outcome == Outcome::broken && conclusion.records > 0) return cause;
    }
    return {};
}

TransactionPipeline::Outcome Transactor::outcome_of(std::int32_t status,
                                                    const Transaction& transaction) const {
    if (status == VOLLEY_OK) return Outcome::committed;
    if (status == VOLLEY_E_LOST && has_lost(transaction.acks)) return Outcome::lost;
    const ErrorCode code = code_of(status);
    if (is_refusal(code)) return Outcome::refused;
    return is_passing(code) ? Outcome::unknown : Outcome::broken;
}

void Transactor::apply(const Conclusion& conclusion, const Error& cause) {
    if (conclusion.kind == Conclusion::Kind::committed) committed(conclusion);
    if (conclusion.kind == Conclusion::Kind::refused) refused(conclusion.slots.front(), cause);
}

void Transactor::committed(const Conclusion& conclusion) {
    const std::int64_t now_ms = unix_ms();
    for (const delivery::Slot slot : conclusion.slots) {
        MessageContext& context = pipeline_.contexts[slot];
        pipeline_.ack_latency.add(context.message.timestamp_ms, now_ms);
        note_ack_exemplar(pipeline_, context, now_ms);
        for (const Output& output : context.outputs)
            pipeline_.output_queues[output.queue_index]->sent.fetch_add(1, std::memory_order_relaxed);
        if (context.held() > 0) context.shrink();
    }
    if (outage_.succeeded()) pipeline_.output_queues.front()->up.store(true, std::memory_order_relaxed);
    progressed_ = true;
    pipeline_.last_success_seconds.store(static_cast<double>(now_ms) / 1000.0, std::memory_order_relaxed);
}

void Transactor::refused(delivery::Slot slot, const Error& error) {
    const delivery::Instant now = runtime::now();
    const std::uint32_t reason = error.code == ErrorCode::too_large ? std::uint32_t{VOLLEY_REASON_TOO_LARGE}
                                                                    : std::uint32_t{VOLLEY_REASON_OUTPUT};
    OutputQueue& output_queue = *pipeline_.output_queues.front();
    pipeline_.contexts[slot].explain(reason, "output to \"" + output_queue.queue + "\": " + error.text);
    output_queue.failed.fetch_add(1, std::memory_order_relaxed);
    core_.transaction_refused(slot, reason, now);
    failures_.write(core_, slot, now);
    discard_if_given_up(core_, pipeline_.contexts, slot);
}

delivery::Instant Transactor::next() const {
    return !transactions_.has_posted() && !transactions_.is_empty() ? next_ : delivery::never;
}

void Transactor::await_outcomes(delivery::Instant deadline) {
    // Takes the outcomes that have arrived, even after the deadline.
    Result<void> taken = take_outcomes(delivery::Millis(0));
    while (taken && has_posted() && now() < deadline) taken = take_outcomes(deadline - now());
}

}  // namespace volley::runtime

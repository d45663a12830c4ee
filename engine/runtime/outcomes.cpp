// What became of a transaction, and what follows from that.
#include <algorithm>

#include "delivery/assert.hpp"
#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"
#include "runtime/transaction_call.hpp"

namespace volley::runtime {

namespace {

bool has_lost(const std::vector<volley_settlement>& acks) {
    return std::any_of(acks.begin(), acks.end(), [](const auto& ack) { return ack.result == VOLLEY_E_LOST; });
}

}  // namespace

// Of those that are on their way; waits for the first only. When one was not carried out, nor were those
// behind it: all of them are then tried one by one, in their order.
void Intake::take_outcomes(delivery::Millis wait) {
    while (!posted_.empty()) {
        volley_error error{};
        const std::int32_t status = outcome(wait, error);
        if (status == VOLLEY_PENDING) return;
        wait = delivery::Millis(0);
        Transaction oldest = std::move(posted_.front());
        posted_.pop_front();
        // What is wrong now, the second try says.
        const bool untold = status == VOLLEY_E_RETRY || status == VOLLEY_E_UNKNOWN || !again_.empty();
        if (status != VOLLEY_OK && untold)
            again_.push_back(std::move(oldest));
        else
            conclude(std::move(oldest), status, error);
    }
}

// The status of the oldest.
std::int32_t Intake::outcome(delivery::Millis wait, volley_error& error) {
    error.struct_size = sizeof error;
    Transaction& oldest = posted_.front();
    volley_transaction call = call_of(oldest.records, oldest.acks);
    const std::int32_t status = atomic_->outcome(pipeline_.ports.front()->producer->get(), consumer_.get(),
                                                 &call, static_cast<std::uint32_t>(wait.count()), &error);
    now_ = now();
    return status;
}

// Returns whether it is known what became of it; then it is done with, or what is left of it is the next to
// try.
bool Intake::conclude(Transaction transaction, std::int32_t status, const volley_error& error) {
    if (status == VOLLEY_OK) {
        committed(transaction);
        if (spare_.empty()) spare_.push_back(std::move(transaction));
        return true;
    }
    if (status == VOLLEY_E_LOST && has_lost(transaction.acks)) {
        without_lost(std::move(transaction));
        return true;
    }
    const Error cause(code_of(status), consumer_.plugin_class().label() + ": " + error.text);
    if (is_refusal(cause.code)) {
        split(std::move(transaction), cause);
        return true;
    }
    Port& port = *pipeline_.ports.front();
    port.failed.fetch_add(transaction.records.size(), std::memory_order_relaxed);
    port.up.store(false, std::memory_order_relaxed);
    again_.push_front(std::move(transaction));
    if (!is_passing(cause.code)) {
        input_failed(cause);
        return false;
    }
    if (transaction_failures_.is_news(cause.text, now_)) {
        log::warning("a transaction could not be made; retrying",
                     {{"component", pipeline_.config.name}, {"queue", port.queue}, {"cause", cause.text}});
    }
    next_transaction_ = now_ + backoff(transaction_failures_.failures());
    return false;
}

void Intake::committed(const Transaction& transaction) {
    for (const delivery::Slot slot : transaction.slots) {
        for (const Output& output : pipeline_.works[slot].outputs)
            pipeline_.ports[output.port]->sent.fetch_add(1, std::memory_order_relaxed);
        if (core_.entry(slot).held > 0 || core_.entry(slot).grown) pipeline_.works[slot].release();
        core_.transacted(slot);
    }
    if (transaction_failures_.failures() > 0)
        pipeline_.ports.front()->up.store(true, std::memory_order_relaxed);
    transaction_failures_.succeeded();
    last_progress_ = now_;
    pipeline_.last_success_seconds.store(static_cast<double>(unix_ms()) / 1000.0, std::memory_order_relaxed);
}

void Intake::without_lost(Transaction transaction) {
    std::vector<delivery::Slot> ours;
    for (std::size_t i = 0; i < transaction.slots.size(); ++i) {
        if (transaction.acks[i].result == VOLLEY_E_LOST)
            core_.transaction_lost(transaction.slots[i]);
        else
            ours.push_back(transaction.slots[i]);
    }
    VOLLEY_ASSERT(ours.size() < transaction.slots.size());
    if (ours.empty()) return;
    transaction.slots = std::move(ours);
    again_.push_front(std::move(transaction));
}

// None of it was stored, because of some message: halves are tried, and what is refused alone has failed.
void Intake::split(Transaction transaction, const Error& error) {
    if (transaction.slots.size() > 1) {
        const auto middle =
            transaction.slots.begin() + static_cast<std::ptrdiff_t>(transaction.slots.size() / 2);
        Transaction behind;
        behind.slots.assign(middle, transaction.slots.end());
        transaction.slots.erase(middle, transaction.slots.end());
        again_.push_front(std::move(behind));
        again_.push_front(std::move(transaction));
        return;
    }
    const delivery::Slot slot = transaction.slots.front();
    const std::uint32_t reason = error.code == ErrorCode::too_large ? std::uint32_t{VOLLEY_REASON_TOO_LARGE}
                                                                    : std::uint32_t{VOLLEY_REASON_OUTPUT};
    pipeline_.works[slot].explain(reason,
                                  "output to \"" + pipeline_.ports.front()->queue + "\": " + error.text);
    pipeline_.ports.front()->failed.fetch_add(1, std::memory_order_relaxed);
    core_.transaction_refused(slot, reason, now_);
    log_failure(slot);
    discard_if_given_up(slot);
}

// ---- the end

void Intake::await_outcomes(delivery::Instant deadline) {
    take_outcomes(delivery::Millis(0));  // those that are here, however late it is
    while (!posted_.empty() && now_ < deadline) take_outcomes(deadline - now_);
}

void Intake::leave_transactions() {
    for (const auto* transactions : {&posted_, &again_}) {
        for (const Transaction& transaction : *transactions)
            for (const delivery::Slot slot : transaction.slots) core_.transaction_left(slot);
    }
    for (const delivery::Slot slot : taken_) core_.transaction_left(slot);
    posted_.clear();
    again_.clear();
    taken_.clear();
}

}  // namespace volley::runtime

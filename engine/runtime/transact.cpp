// Transact: where input and outputs are in one store that offers it, the outputs of handled messages and
// their acks are one commit. So nothing is duplicated, whenever the process dies.
#include <algorithm>

#include "delivery/assert.hpp"
#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"

namespace volley::runtime {

namespace {

// Of one transaction: messages and, unless one message alone has more, outputs. A store is held up by it.
constexpr std::size_t most_messages = 512;
constexpr std::size_t most_records = 1000;
constexpr std::uint32_t timeout_ms = 10'000;
constexpr delivery::Millis tell_again_after{500};

bool is_definite_refusal(ErrorCode code) {
    return code == ErrorCode::permanent || code == ErrorCode::too_large || code == ErrorCode::unsupported ||
           code == ErrorCode::config;
}

bool ends_component(ErrorCode code) {
    return code == ErrorCode::fatal || code == ErrorCode::fenced || code == ErrorCode::unauthorized;
}

}  // namespace

// All outputs must be in the input's store, and one producer must be able to write to all of them.
void Intake::find_transactions() {
    if (log_ != nullptr || pipeline_.ports.empty()) return;
    const auto* input_plugin = consumer_.plugin_class().plugin;
    const volley_ext_atomic* first = nullptr;
    for (const auto& port : pipeline_.ports) {
        if (port->producer->plugin_class().plugin != input_plugin) return;
        const auto* atomic =
            static_cast<const volley_ext_atomic*>(port->producer->extension(VOLLEY_EXT_ATOMIC));
        if (atomic == nullptr || atomic->joins(port->producer->get(), consumer_.get()) != 1) return;
        if (first == nullptr) first = atomic;
    }
    if (pipeline_.ports.size() > 1 && !pipeline_.ports.front()->can(VOLLEY_ANY_QUEUE)) return;
    atomic_ = first;
    pipeline_.transactions = true;
    core_.use_transactions();
    log::info("outputs and acks are one transaction", {{"component", pipeline_.config.name}});
}

void Intake::transact() {
    if (atomic_ == nullptr) return;
    for (;;) {
        if (transaction_.empty() && !one_by_one_.empty()) {
            transaction_.push_back(one_by_one_.front());
            one_by_one_.erase(one_by_one_.begin());
        }
        if (transaction_.empty()) core_.take_transaction(transaction_, most_messages);
        if (transaction_.empty() || now_ < next_transaction_ || !try_transaction()) return;
    }
}

// Returns whether the outcome is known. If not, exactly the same must be tried again: a store tells a repeat
// of what it has already done by that.
bool Intake::try_transaction() {
    transaction_records_.clear();
    transaction_acks_.clear();
    for (std::size_t i = 0; i < transaction_.size(); ++i) {
        const Work& work = pipeline_.works[transaction_[i]];
        if (i > 0 && transaction_records_.size() + work.outputs.size() > most_records) {
            // Only before the first try: later the number of outputs is what it was.
            one_by_one_.insert(one_by_one_.begin(), transaction_.begin() + static_cast<std::ptrdiff_t>(i),
                               transaction_.end());
            transaction_.resize(i);
            break;
        }
        for (const Output& output : work.outputs) transaction_records_.push_back(output.record);
        volley_settlement& ack = transaction_acks_.emplace_back();
        ack = {};
        ack.handle = core_.entry(transaction_[i]).handle;
        ack.outcome = VOLLEY_ACK;
        ack.attempts = core_.entry(transaction_[i]).attempt;
    }
    volley_transaction t{};
    t.struct_size = sizeof t;
    t.record_size = sizeof(volley_record);
    t.records = transaction_records_.data();
    t.record_count = static_cast<std::uint32_t>(transaction_records_.size());
    t.settlements = transaction_acks_.data();
    t.settlement_count = static_cast<std::uint32_t>(transaction_acks_.size());
    t.settlement_size = sizeof(volley_settlement);
    t.timeout_ms = timeout_ms;
    volley_error error{};
    error.struct_size = sizeof error;
    Port& port = *pipeline_.ports.front();
    const std::int32_t status = atomic_->commit(port.producer->get(), consumer_.get(), &t, &error);
    now_ = now();
    if (status == VOLLEY_OK) {
        for (const delivery::Slot slot : transaction_) {
            for (const Output& output : pipeline_.works[slot].outputs)
                pipeline_.ports[output.port]->sent.fetch_add(1, std::memory_order_relaxed);
            core_.transacted(slot);
        }
        if (transaction_failures_ > 0) port.up.store(true, std::memory_order_relaxed);
        transaction_failures_ = 0;
        transaction_.clear();
        pipeline_.last_success_seconds.store(static_cast<double>(unix_ms()) / 1000.0,
                                             std::memory_order_relaxed);
        return true;
    }
    if (status == VOLLEY_E_LOST) {
        std::vector<delivery::Slot> ours;
        for (std::size_t i = 0; i < transaction_.size(); ++i) {
            if (transaction_acks_[i].result == VOLLEY_E_LOST)
                core_.transaction_lost(transaction_[i]);
            else
                ours.push_back(transaction_[i]);
        }
        VOLLEY_ASSERT(ours.size() < transaction_.size());
        transaction_ = std::move(ours);
        return true;
    }
    const Error cause(static_cast<ErrorCode>(status), error.text);
    if (is_definite_refusal(cause.code)) {
        split_transaction(cause);
        return true;
    }
    port.failed.fetch_add(transaction_records_.size(), std::memory_order_relaxed);
    port.up.store(false, std::memory_order_relaxed);
    if (ends_component(cause.code)) {
        fail(cause);
        return false;
    }
    // What keeps it from happening may change: a server that is gone, then one that is read-only.
    const bool first = transaction_failures_++ == 0;
    const bool another = cause.text != transaction_cause_ && now_ - transaction_told_ >= tell_again_after;
    if (first || another) {
        transaction_cause_ = cause.text;
        transaction_told_ = now_;
        log::warning("a transaction could not be made; trying on",
                     {{"component", pipeline_.config.name}, {"queue", port.queue}, {"cause", cause.text}});
    }
    next_transaction_ = now_ + backoff(transaction_failures_);
    return false;
}

// None of it was stored, because of one message: each is tried alone, and the one that is refused alone has
// failed.
void Intake::split_transaction(const Error& error) {
    if (transaction_.size() > 1) {
        one_by_one_.insert(one_by_one_.begin(), transaction_.begin(), transaction_.end());
        transaction_.clear();
        return;
    }
    const delivery::Slot slot = transaction_.front();
    const std::uint32_t reason = error.code == ErrorCode::too_large ? std::uint32_t{VOLLEY_REASON_TOO_LARGE}
                                                                    : std::uint32_t{VOLLEY_REASON_OUTPUT};
    pipeline_.works[slot].explain(reason,
                                  "output to \"" + pipeline_.ports.front()->queue + "\": " + error.text);
    pipeline_.ports.front()->failed.fetch_add(1, std::memory_order_relaxed);
    core_.transaction_refused(slot, reason, now_);
    log_failure(slot);
    transaction_.clear();
}

void Intake::leave_transactions() {
    for (const delivery::Slot slot : transaction_) core_.transaction_left(slot);
    for (const delivery::Slot slot : one_by_one_) core_.transaction_left(slot);
    transaction_.clear();
    one_by_one_.clear();
}

}  // namespace volley::runtime

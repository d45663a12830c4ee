// Transact: where input and outputs are in one store that offers it, the outputs of handled messages and
// their acks are one commit. So nothing is duplicated, whenever the process dies. A store that can take a
// commit while the outcome of the last is on its way gets two, one behind the other.
#include <set>
#include <string_view>

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"
#include "runtime/transaction_call.hpp"

namespace volley::runtime {

namespace {

// Of one transaction: messages and, unless one message alone has more, outputs. A store is held up by it.
constexpr std::size_t most_messages = 512;
constexpr std::size_t most_records = 1000;
constexpr std::uint64_t most_bytes = 8ULL << 20;  // a connector may copy them
// One is carried out and one waits, so that the store has no gap between them.
constexpr std::size_t most_posted = 2;
// Fewer wait until the outcome of the first is known, and become one transaction with what comes meanwhile:
// each has a cost of its own.
constexpr std::size_t worth_posting = 128;

}  // namespace

// All outputs must be in the input's store, and one producer must be able to write to all of them, which it
// tells apart by their values.
void Intake::find_transactions() {
    if (log_ != nullptr || pipeline_.ports.empty()) return;
    if (pipeline_.ports.size() > 1) {
        std::set<std::string_view> values;
        for (const auto& port : pipeline_.ports) values.insert(port->value);
        const bool joint = pipeline_.ports.front()->can(VOLLEY_JOINT_COMMIT);
        if (!joint || values.size() < pipeline_.ports.size()) return;
    }
    const auto* input_plugin = consumer_.plugin_class().plugin;
    const volley_ext_atomic* first = nullptr;
    for (const auto& port : pipeline_.ports) {
        if (port->producer->plugin_class().plugin != input_plugin) return;
        const auto* atomic =
            static_cast<const volley_ext_atomic*>(port->producer->extension(VOLLEY_EXT_ATOMIC));
        if (atomic == nullptr || atomic->joins(port->producer->get(), consumer_.get()) != 1) return;
        if (first == nullptr) first = atomic;
    }
    atomic_ = first;
    posts_ = VOLLEY_HAS(volley_ext_atomic, atomic_, outcome) && atomic_->post != nullptr &&
             atomic_->outcome != nullptr && consumer_.can_interrupt();
    pipeline_.transactions = true;
    core_.use_transactions();
    log::info("outputs and acks are one transaction", {{"component", pipeline_.config.name}});
}

void Intake::transact() {
    if (atomic_ == nullptr) return;
    do {
        take_outcomes(delivery::Millis(0));
        if (failure()) return;
    } while (now_ >= next_transaction_ && (again_.empty() ? begin_transaction() : try_again()));
}

// Returns whether there may be more to do now.
bool Intake::begin_transaction() {
    if (posted_.size() == most_posted) return false;
    if (!posted_.empty() && taken_.size() + core_.uncommitted() < worth_posting) return false;
    if (taken_.empty()) core_.take_transaction(taken_, most_messages);
    if (taken_.empty()) return false;
    Transaction transaction;
    if (!spare_.empty()) {
        transaction = std::move(spare_.back());
        spare_.pop_back();
    }
    std::size_t records = 0, messages = 0;
    std::uint64_t bytes = 0;
    for (; messages < taken_.size(); ++messages) {
        const delivery::Slot slot = taken_[messages];
        records += pipeline_.works[slot].outputs.size();
        bytes += std::uint64_t{core_.entry(slot).bytes} + core_.entry(slot).held;
        if (messages > 0 && (records > most_records || bytes > most_bytes)) break;
    }
    const auto end = taken_.begin() + static_cast<std::ptrdiff_t>(messages);
    transaction.slots.assign(taken_.begin(), end);
    taken_.erase(taken_.begin(), end);
    if (!posts_) {
        again_.push_back(std::move(transaction));
        return true;
    }
    fill(transaction);
    volley_transaction call = call_of(transaction.records, transaction.acks);
    atomic_->post(pipeline_.ports.front()->producer->get(), consumer_.get(), &call);
    posted_.push_back(std::move(transaction));
    return true;
}

// Returns whether the outcome is known. If not, exactly the same must be tried again: a store tells a repeat
// of what it has already done by that. What is on its way comes first: it may have to be tried again, too.
bool Intake::try_again() {
    if (!posted_.empty()) return false;
    Transaction transaction = std::move(again_.front());
    again_.pop_front();
    fill(transaction);
    volley_transaction call = call_of(transaction.records, transaction.acks);
    volley_error error{};
    error.struct_size = sizeof error;
    const std::int32_t status =
        atomic_->commit(pipeline_.ports.front()->producer->get(), consumer_.get(), &call, &error);
    now_ = now();
    return conclude(std::move(transaction), status, error);
}

void Intake::fill(Transaction& transaction) {
    transaction.records.clear();
    transaction.acks.clear();
    for (const delivery::Slot slot : transaction.slots) {
        for (const Output& output : pipeline_.works[slot].outputs)
            transaction.records.push_back(output.record);
        volley_settlement& ack = transaction.acks.emplace_back();
        ack = {};
        ack.handle = core_.entry(slot).handle;
        ack.outcome = VOLLEY_ACK;
        ack.attempts = core_.entry(slot).attempt;
    }
}

}  // namespace volley::runtime

#include "runtime/transaction_pipeline.hpp"

#include <algorithm>
#include <utility>

#include "invariant.hpp"

namespace volley::runtime {

namespace {

// Limits of one transaction; a single message may exceed the limit on records. A store is blocked while it
// carries one out.
constexpr std::size_t most_messages = 512;
constexpr std::size_t most_records = 1000;
constexpr std::uint64_t most_bytes = 8ULL << 20;  // a connector may copy them
// One is carried out while one waits, so that the store is never idle between them.
constexpr std::size_t most_posted = 2;
// Fewer messages wait for the outcome of the first transaction, and then share a transaction with those that
// arrive meanwhile, because each transaction has a fixed cost.
constexpr std::size_t worth_posting = 128;

}  // namespace

TransactionPipeline::Call TransactionPipeline::next() {
    if (repeats_.empty() && take()) {
        fill(prepared_);
        if (posts_) return Call::post;
        return Call::commit;
    }
    // Pending transactions come first: they may have to be repeated, too.
    if (repeats_.empty() || !posted_.empty()) return Call::none;
    prepared_ = std::move(repeats_.front());
    repeats_.pop_front();
    fill(prepared_);
    return Call::commit;
}

// Makes the next transaction from the messages that the core has ready. Returns whether there is one.
bool TransactionPipeline::take() {
    if (posted_.size() == most_posted) return false;
    if (!posted_.empty() && taken_.size() + core_.uncommitted() < worth_posting) return false;
    if (taken_.empty()) core_.take_transaction(taken_, most_messages);
    if (taken_.empty()) return false;
    std::size_t records = 0, messages = 0;
    std::uint64_t bytes = 0;
    for (; messages < taken_.size(); ++messages) {
        const delivery::Slot slot = taken_[messages];
        records += contexts_[slot].outputs.size();
        bytes += std::uint64_t{core_.entry(slot).bytes} + core_.entry(slot).held;
        if (messages > 0 && (records > most_records || bytes > most_bytes)) break;
    }
    const auto end = taken_.begin() + static_cast<std::ptrdiff_t>(messages);
    prepared_ = std::move(spare_);
    prepared_.slots.assign(taken_.begin(), end);
    taken_.erase(taken_.begin(), end);
    return true;
}

void TransactionPipeline::fill(Transaction& transaction) const {
    transaction.records.clear();
    transaction.acks.clear();
    for (const delivery::Slot slot : transaction.slots) {
        for (const Output& output : contexts_[slot].outputs) transaction.records.push_back(output.record);
        volley_settlement& ack = transaction.acks.emplace_back();
        ack = {};
        ack.handle = core_.entry(slot).handle;
        ack.outcome = VOLLEY_ACK;
        ack.attempts = core_.entry(slot).attempt;
    }
}

TransactionPipeline::Conclusion TransactionPipeline::conclude_oldest(Outcome outcome) {
    Transaction oldest = std::move(posted_.front());
    posted_.pop_front();
    // The repeat reports what is wrong. After a transaction that must be repeated, nothing was carried out.
    const bool unsaid = outcome == Outcome::unknown || (outcome != Outcome::committed && !repeats_.empty());
    if (!unsaid) return conclude(std::move(oldest), outcome);
    Conclusion conclusion{Conclusion::Kind::repeated, {}, 0};
    repeats_.push_back(std::move(oldest));
    return conclusion;
}

TransactionPipeline::Conclusion TransactionPipeline::conclude(Transaction transaction, Outcome outcome) {
    switch (outcome) {
        case Outcome::committed: {
            Conclusion conclusion{Conclusion::Kind::committed, transaction.slots, transaction.records.size()};
            for (const delivery::Slot slot : transaction.slots) core_.transacted(slot);
            spare_ = std::move(transaction);
            return conclusion;
        }
        case Outcome::lost:
            return release_lost(std::move(transaction));
        case Outcome::refused:
            return split(std::move(transaction));
        case Outcome::unknown:
        case Outcome::broken:
            break;
    }
    const std::size_t records = transaction.records.size();
    repeats_.push_front(std::move(transaction));
    return {Conclusion::Kind::repeated, {}, records};
}

TransactionPipeline::Conclusion TransactionPipeline::release_lost(Transaction transaction) {
    std::vector<delivery::Slot> ours;
    for (std::size_t i = 0; i < transaction.slots.size(); ++i) {
        if (transaction.acks[i].result == VOLLEY_E_LOST)
            core_.transaction_lost(transaction.slots[i]);
        else
            ours.push_back(transaction.slots[i]);
    }
    VOLLEY_ASSERT(ours.size() < transaction.slots.size());
    if (!ours.empty()) {
        transaction.slots = std::move(ours);
        repeats_.push_front(std::move(transaction));
    }
    return {Conclusion::Kind::released, {}, 0};
}

// Tries the two halves. A message that is refused alone has failed.
TransactionPipeline::Conclusion TransactionPipeline::split(Transaction transaction) {
    if (transaction.slots.size() == 1) return {Conclusion::Kind::refused, std::move(transaction.slots), 1};
    const auto middle = transaction.slots.begin() + static_cast<std::ptrdiff_t>(transaction.slots.size() / 2);
    Transaction behind;
    behind.slots.assign(middle, transaction.slots.end());
    transaction.slots.erase(middle, transaction.slots.end());
    repeats_.push_front(std::move(behind));
    repeats_.push_front(std::move(transaction));
    return {Conclusion::Kind::split, {}, 0};
}

void TransactionPipeline::release_all() {
    for (const auto* transactions : {&posted_, &repeats_}) {
        for (const Transaction& transaction : *transactions)
            for (const delivery::Slot slot : transaction.slots) core_.transaction_released(slot);
    }
    for (const delivery::Slot slot : taken_) core_.transaction_released(slot);
    posted_.clear();
    repeats_.clear();
    taken_.clear();
}

}  // namespace volley::runtime

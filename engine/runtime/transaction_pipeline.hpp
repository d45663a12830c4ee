// Decides which transaction is next and what an outcome means. If the input and the outputs are in one store
// that offers atomic commits, the outputs of handled messages and their acks are one transaction, so nothing
// is duplicated, whenever the process dies. A store that accepts a commit while the outcome of the previous
// one is pending gets two, one after the other. If one of them is not carried out, the ones after it are not
// carried out either. All of them are then repeated one by one, in their order and exactly as they were,
// because that is how a store recognises a repeat.
//
// Calls no plugin and reads no clock. Thread: intake.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/message_context.hpp"
#include "runtime/transaction.hpp"

namespace volley::runtime {

class TransactionPipeline {
public:
    // What the store reports about a transaction.
    enum class Outcome : std::uint8_t {
        committed,
        lost,     // nothing is stored; as the acks' results say, some messages are lost to another consumer
        refused,  // nothing is stored, because of at least one message
        unknown,  // it may or may not be stored; the same call may succeed later
        broken    // the connector cannot go on
    };
    enum class Call : std::uint8_t { none, post, commit };
    // The consequence of an outcome. The core has already been informed.
    struct Conclusion {
        enum class Kind : std::uint8_t {
            committed,  // `slots` are done
            released,   // some messages are lost; the others, if any, are repeated next
            split,      // both halves are repeated next
            refused,    // `slots` has the one message that can never be stored: the caller informs the core
            repeated    // the same transaction is repeated next
        } kind = Kind::committed;
        std::vector<delivery::Slot> slots;
        std::size_t records = 0;
    };

    TransactionPipeline(delivery::Delivery& core, const MessageContexts& contexts)
        : core_(core), contexts_(contexts) {}

    // Turns transactions on. `posts`: the store accepts one while the outcome of another is pending.
    void use(bool posts) {
        in_use_ = true;
        posts_ = posts;
    }
    bool is_in_use() const { return in_use_; }

    // Returns the call to make now with prepared(). After post, call is_posted(); after commit, call
    // conclude().
    Call next();
    Transaction& prepared() { return prepared_; }
    void is_posted() { posted_.push_back(std::move(prepared_)); }
    // Returns the oldest transaction that is pending, or null.
    Transaction* oldest() { return posted_.empty() ? nullptr : &posted_.front(); }

    // Takes the outcome of prepared(), after Call::commit.
    Conclusion conclude(Outcome outcome) { return conclude(std::move(prepared_), outcome); }
    // Takes the outcome of oldest(). If it failed, the commit that repeats it reports the cause.
    Conclusion conclude_oldest(Outcome outcome);

    // Whether every message that was taken from the core is concluded.
    bool is_empty() const { return taken_.empty() && posted_.empty() && repeats_.empty(); }
    bool has_posted() const { return !posted_.empty(); }
    // Releases all messages. Transactions that were posted may be stored.
    void release_all();

private:
    bool take();
    void fill(Transaction& transaction) const;
    Conclusion conclude(Transaction transaction, Outcome outcome);
    Conclusion release_lost(Transaction transaction);
    Conclusion split(Transaction transaction);

    delivery::Delivery& core_;
    const MessageContexts& contexts_;
    bool in_use_ = false;
    bool posts_ = false;
    std::vector<delivery::Slot> taken_;  // taken from the core, and in no transaction yet
    std::deque<Transaction> posted_;     // oldest first
    std::deque<Transaction> repeats_;  // committed one by one in this order, once nothing is posted any more
    Transaction prepared_;
    Transaction spare_;  // kept for its memory
};

}  // namespace volley::runtime

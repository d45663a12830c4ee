// Which transaction is next, and what an outcome means. Where input and outputs are in one store that offers
// it, the outputs of handled messages and their acks are one commit, so nothing is duplicated, whenever the
// process dies. A store that can take a commit while the outcome of the last is on its way gets two, one
// behind the other. When one of them is not carried out, nor are those behind it: all are then repeated one
// by one, in their order, exactly as they were, because a store recognises a repeat by that.
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
    // What the store said of a transaction.
    enum class Outcome : std::uint8_t {
        committed,
        lost,     // of some messages another has the lease, says their acks' results; nothing is stored
        refused,  // nothing is stored, because of some message
        unknown,  // it may be stored, or not; the same may succeed later
        broken    // the connector cannot go on
    };
    enum class Call : std::uint8_t { none, post, commit };
    // What follows from an outcome; the core knows already.
    struct Conclusion {
        enum class Kind : std::uint8_t {
            committed,  // `slots` are done
            released,   // some are lost; the rest, if any, is the next to repeat
            split,      // both halves are the next to repeat
            refused,    // `slots` has the one message that can never be stored: the caller tells the core
            repeated    // the same is the next to repeat
        } kind = Kind::committed;
        std::vector<delivery::Slot> slots;
        std::size_t records = 0;
    };

    TransactionPipeline(delivery::Delivery& core, const MessageContexts& contexts)
        : core_(core), contexts_(contexts) {}

    // From now on there are transactions; `posts`: the store takes one while another is on its way.
    void use(bool posts) {
        in_use_ = true;
        posts_ = posts;
    }
    bool is_in_use() const { return in_use_; }

    // What is to be called now with prepared(). After post: is_posted(). After commit: conclude().
    Call next();
    Transaction& prepared() { return prepared_; }
    void is_posted() { posted_.push_back(std::move(prepared_)); }
    // The oldest that is on its way, or null.
    Transaction* oldest() { return posted_.empty() ? nullptr : &posted_.front(); }

    // The outcome of prepared(), after Call::commit.
    Conclusion conclude(Outcome outcome) { return conclude(std::move(prepared_), outcome); }
    // The outcome of oldest(). Whatever went wrong with it, the commit that repeats it says.
    Conclusion conclude_oldest(Outcome outcome);

    // Is anything taken from the core and not concluded?
    bool is_empty() const { return taken_.empty() && posted_.empty() && repeats_.empty(); }
    bool has_posted() const { return !posted_.empty(); }
    // Releases everything: what was posted may be stored.
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
    std::vector<delivery::Slot> taken_;  // from the core, and in no transaction yet
    std::deque<Transaction> posted_;     // oldest first
    std::deque<Transaction> repeats_;  // committed one by one in this order, when nothing is posted any more
    Transaction prepared_;
    Transaction spare_;  // for its memory
};

}  // namespace volley::runtime

// The atomic commits of one producer: outputs and acks in one transaction of one Redis. Redis stores the
// number of the last commit. A commit whose reply was lost is repeated with the same number and ids, and has
// no effect if it was already committed.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "commit_input.hpp"
#include "commit_request.hpp"
#include "message_id.hpp"
#include "output_queue.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

inline constexpr char lost_text[] = "the visibility timeout of a message ended; nothing was committed";

// Used by the one thread that owns the producer and the consumer.
class Committer {
public:
    // Borrows all. `own` is the producer's queue.
    Committer(OutputQueue& own, RedisClock& clock, IdGenerator& ids);

    // See volley_ext_atomic::commit. Throws Error.
    std::int32_t commit(CommitInput& input, volley_transaction& transaction);
    // See volley_ext_atomic::post. Returns whether it was sent through the consumer's pipeline, on which
    // further requests can follow without a wait.
    bool post(CommitInput& input, volley_transaction& transaction);
    // See volley_ext_atomic::outcome. Throws Error.
    std::int32_t outcome(CommitInput& input, volley_transaction& transaction, std::uint32_t timeout_ms);

private:
    // A posted commit whose outcome the engine has not taken. With neither failure nor status it is in the
    // pipeline.
    struct Pending {
        Commit commit;
        std::optional<Error> failure;
        std::optional<std::int32_t> status;
    };

    void ensure_permissions();
    Commit new_commit(const volley_transaction& transaction);
    bool shares_user(const CommitInput& input) const;
    Connection& connection_for(CommitInput& input);
    bool was_committed(CommitInput& input, const Commit& commit);
    std::optional<std::int32_t> try_commit(CommitInput& input, volley_transaction& transaction,
                                           Commit& commit, bool is_repeat);
    void write(CommitInput& input, Commit& commit, const OutputBatches& outputs, std::string_view previous,
               bool is_repeat);
    std::optional<std::int32_t> apply_replies(CommitInput& input, Connection& connection,
                                              volley_transaction& transaction, const Commit& commit,
                                              std::vector<Reply> replies);

    OutputQueue& own_;
    RedisClock& clock_;
    IdGenerator& ids_;
    const std::string key_;  // in which Redis keeps the number of the last commit
    bool has_permissions_ = false;
    std::uint64_t last_number_ = 0;
    std::int64_t last_time_ms_ = 0;   // the latest Commit::time_ms of those that were committed
    std::deque<Pending> pending_;     // oldest first
    std::deque<Commit> unconfirmed_;  // may have been committed; to be repeated in this order
    CommitRequest request_;           // the commit that was written last
};

}  // namespace volley::rsmq

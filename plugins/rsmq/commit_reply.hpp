// The replies to a commit.
#pragma once

#include <cstdint>
#include <vector>

#include "connection.hpp"

namespace volley::rsmq {

// The result of the check of a commit (lua.hpp). Except for committed and repeated, nothing was changed.
enum class CheckResult : std::int64_t {
    receipt_outdated = 0,  // then for each ack 1: its receipt holds, or 0
    committed = 1,         // then Redis' microseconds
    repeated = 2,          // a commit of this number, or of a later one, was committed before
    queue_missing = 3,     // then the place of that output, from 1 on
    outdated = 4,          // then microseconds, and place, delay and maxsize of an output
    error = 5,             // then its text
    run_ended = 6,         // the exclusive run is over; the receipts may hold
    previous_missing = 7,  // the commit on which it depends was not committed
};

// Finds the reply of the check among the replies to a whole commit. Its first element is a CheckResult, and
// the others have the form that belongs to it. Throws the error of a command that Redis refused. Throws
// Error{unknown} if the form is unexpected, and then drops `connection`, which received the replies.
// `settings`: of the queue that errors name.
Reply check_reply(std::vector<Reply> replies, Connection& connection, const Settings& settings,
                  std::size_t acks, std::size_t outputs);

inline CheckResult result_of(const redisReply& check) {
    return static_cast<CheckResult>(check.element[0]->integer);
}

}  // namespace volley::rsmq

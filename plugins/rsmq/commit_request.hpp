// The request of an atomic commit: one MULTI of the check, the commands that store the outputs and delete the
// inputs, and the end (lua.hpp).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commit_input.hpp"
#include "output_queue.hpp"
#include "request.hpp"

namespace volley::rsmq {

// An atomic commit. A repeat has the same handles, ids and number.
struct Commit {
    std::vector<std::uint64_t> handles;  // of the deliveries that it acks
    std::vector<std::string> ids;        // of the messages that it stores, one a record
    std::uint64_t number = 0;            // ascending within a producer
    std::int64_t time_ms = 0;  // Redis' clock when it was written: its messages are sent at this time
    std::vector<OutputQueue*> outputs;  // in the order in which they were written
};

// The records that a commit stores into one queue.
struct OutputBatch {
    OutputQueue* queue;
    SendBatch batch;
};
using OutputBatches = std::deque<OutputBatch>;  // a deque, because a SendBatch is never moved

// Groups the records by queue. A record without a queue is for `own`; others are for a queue of a producer
// that joined. Returns nothing if a maxsize has changed: it was reloaded, and the next attempt uses it.
// Throws the status of a record that cannot be stored. The result borrows the records.
std::optional<OutputBatches> group_by_output(OutputQueue& own, const CommitInput& input,
                                             const volley_transaction& transaction, const Commit& commit);

struct CommitParts {
    CommitInput& input;
    std::string_view commit_key;  // remembers the last commit of this producer
    const Commit& commit;
    const OutputBatches& outputs;
    std::string_view previous;  // number of the commit without which this one must not happen, or empty
    ExclusiveRun::Cover run;    // without a name Redis compares each receipt
};

// Reused, for its memory.
struct CommitRequest {
    Request request;
    std::string receipts;  // borrowed by the request
};

// Replaces the request, which borrows the parts until it is sent. The attributes of the outputs and the time
// are as this process knows them; Redis checks them. Requires: the deliveries of the commit are open.
void write_commit(CommitRequest& request, const CommitParts& parts);

}  // namespace volley::rsmq

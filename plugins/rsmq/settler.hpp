// Settles single deliveries, and extends their visibility timeouts. Redis applies each change only if the
// receipt is still valid.
#pragma once

#include <cstdint>

#include "deliveries.hpp"
#include "lua.hpp"
#include "pipeline.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

// Used by one thread.
class Settler {
public:
    // Borrows all.
    Settler(const Context& context, Pipeline& pipeline, Deliveries& deliveries)
        : context_(context), pipeline_(pipeline), deliveries_(deliveries) {}

    // Acks, nacks and releases. Sets the result of each: VOLLEY_E_LOST if the delivery is not open or its
    // receipt is out of date, VOLLEY_E_RETRY if Redis could not be reached; then the delivery stays open.
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    // Sets the visibility timeouts to end this long from now. Sets the result of each: VOLLEY_OK or
    // VOLLEY_E_LOST. Throws as Connection::run.
    void extend_visibility(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                           std::uint32_t timeout_ms);
    // Makes the messages of a receive, beginning with the one at this place, immediately visible to all
    // consumers. They keep their places in the queue. Requires: has_messages(reply); none of them has a
    // delivery. Throws as Connection::run.
    void release(const redisReply& reply, std::size_t from);

private:
    void settle_batch(volley_settlement** settlements, std::size_t count);
    Reply run(const Words& arguments, std::size_t count);

    const Context& context_;
    Pipeline& pipeline_;
    Deliveries& deliveries_;
    Script script_{settle_script};
    bool is_failing_ = false;  // the last settlement failed, and a warning said so
};

}  // namespace volley::rsmq

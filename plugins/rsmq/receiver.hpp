// Receives messages for a consumer, with one script per batch. While commits are in flight it prefetches: it
// posts receives behind them, so that Redis executes those while the engine works on the last batch.
#pragma once

#include <cstdint>
#include <optional>

#include "deliveries.hpp"
#include "lua.hpp"
#include "pipeline.hpp"
#include "settler.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

// Used by one thread.
class Receiver {
public:
    enum class Result {
        messages,  // the batch has some
        empty,     // the queue has no visible message, or a retry is due
        pending,   // a posted receive was not answered in time, or something else ended the wait for it
    };

    // Borrows all.
    Receiver(const Context& context, Pipeline& pipeline, Deliveries& deliveries, Settler& settler);

    // Fills an empty batch with new deliveries. Waits for Redis, not for messages; if a receive was posted,
    // at most `ms`. Throws as Connection::run.
    Result receive(volley_batch& batch, std::int64_t ms);
    // Posts receives after a commit was posted. An error drops the connection, so that the outcome of that
    // commit becomes unknown.
    void prefetch_behind_commit();
    // The number of received messages that the engine does not have yet. Requires: no reply is outstanding.
    std::size_t prefetched() const;
    // The time from the last receive until the next hidden message becomes visible. -1: none is hidden.
    std::int64_t next_visible_ms() const { return next_visible_ms_; }
    // Makes all prefetched messages visible again. Waits at most `timeout_ms` for outstanding replies.
    void close(std::uint32_t timeout_ms);

private:
    // The rest of a reply that did not fit into the engine's batch. It comes first in the next one.
    struct Remainder {
        std::uint32_t batch;                // this holds one reference to it
        std::size_t next;                   // place of its first message
        Pipeline::Clock::time_point since;  // Pipeline::Receive::since
    };

    Result take(volley_batch& batch, Pipeline::Receive received);
    Result take_remainder(volley_batch& batch);
    void release_prefetched();
    void fill(volley_batch& batch);
    void prefetch();
    std::uint32_t batch_size(std::size_t room) const;
    std::size_t remaining() const;

    const Context& context_;
    Pipeline& pipeline_;
    Deliveries& deliveries_;
    Settler& settler_;
    Script script_{receive_script};
    std::optional<Remainder> remainder_;
    std::size_t room_ = 0;          // that the engine had left after the last receive
    std::uint64_t max_bytes_ = 0;   // of bodies in one reply
    std::uint64_t mean_bytes_ = 0;  // of a body in the last batch; 0: not known
    bool was_full_ = false;         // the last receive returned as many as it asked for: there may be more
    std::int64_t next_visible_ms_ = -1;
};

}  // namespace volley::rsmq

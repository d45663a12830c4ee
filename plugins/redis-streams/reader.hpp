// Receives messages: claims waiting and abandoned ones, then reads new ones.
//
// A read blocks in Redis until messages arrive, on a separate connection. If the wait is interrupted, the
// read stays outstanding, and the next call takes its reply.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "connection.hpp"
#include "deliveries.hpp"
#include "event_fd.hpp"
#include "group.hpp"
#include "scripts.hpp"
#include "settler.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// Used by one thread.
class Reader {
public:
    enum class Result { messages, empty, interrupted };

    // Borrows all.
    Reader(const Context& context, Connection& commands, Deliveries& deliveries, Group& group,
           Settler& settler, const EventFd& interrupt);

    // Fills an empty batch, and waits at most `ms` for the first message. Throws as Connection::run.
    Result receive(volley_batch& batch, std::int64_t ms);
    // Releases messages that were read but not delivered, if Redis answers.
    void close();

private:
    using Clock = std::chrono::steady_clock;
    // Entries that were received and do not fit into the engine's batch. They come first in the next one.
    struct Remainder {
        std::uint32_t batch;       // this holds one reference to it
        const redisReply* list;    // of entries
        const redisReply* counts;  // of deliveries; null: all are 1
        std::size_t next;          // place of the first remaining one
        Clock::time_point since;   // they were delivered at this time or later
    };

    void prepare();
    bool claim(std::uint32_t room);
    Result read(std::uint32_t room, std::int64_t ms);
    bool give(volley_batch& batch);
    std::uint32_t read_size(std::uint32_t room) const;
    bool is_stale(Clock::time_point since) const;
    void discard_remainder();

    const Context& context_;
    Connection& commands_;
    Deliveries& deliveries_;
    Group& group_;
    Settler& settler_;
    const EventFd& interrupt_;
    Connection reads_;
    Script claim_{claim_script};
    std::optional<Remainder> remainder_;
    std::optional<Clock::time_point> posted_;  // a read is outstanding, and had no reply at this time
    Clock::time_point next_claim_{};
    std::uint64_t max_bytes_ = 0;
    std::uint64_t mean_bytes_ = 0;  // of a message in the last batch; 0: not known
    bool has_unknown_;              // messages may be pending for this consumer that it did not receive
};

}  // namespace volley::streams

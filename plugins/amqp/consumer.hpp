// The consumer of a queue: the broker delivers ahead, up to the prefetch, and each message is acked
// individually.
//
// A delivery belongs to its connection. When the connection has ended, the broker delivers the message again,
// and a settlement of the old delivery is lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "assembly.hpp"
#include "connection.hpp"
#include "event_fd.hpp"
#include "properties.hpp"
#include "volley/abi.hpp"

namespace volley::amqp {

// Used by one thread, but for interrupt.
class AmqpConsumer {
public:
    // Throws Error{config}. No I/O.
    explicit AmqpConsumer(Context context);

    // See volley_consumer_class.
    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    // Serves heartbeats while the engine has no room.
    std::int32_t poll(std::uint32_t timeout_ms);
    void interrupt() { interrupt_.signal(); }  // Thread: any.
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    const Settings& settings() const { return connection_.settings(); }
    Connection& connection() { return connection_; }
    std::string_view identity() const { return identity_; }
    // The last inspection; views of its messages end when it changes.
    std::vector<std::unique_ptr<Message>>& shown() { return shown_; }

private:
    using Clock = std::chrono::steady_clock;

    bool is_consuming() const { return connection_.is_open() && consuming_ == connection_.epoch(); }
    std::uint32_t prefetch() const;
    void start(std::uint32_t room);
    void forget();
    bool receive(std::int64_t ms);
    void take(const amqp_frame_t& frame);
    void give(volley_batch& batch);
    void settle_one(volley_settlement& one, std::vector<std::uint64_t>& acks);
    void ack(std::vector<std::uint64_t> tags);
    void put_back(std::uint64_t tag, bool is_rejected);
    void put_back_due();
    std::int64_t until_next_due(std::int64_t ms) const;

    Context context_;
    EventFd interrupt_;
    Connection connection_;
    std::string identity_;
    std::uint64_t consuming_ = 0;  // the epoch of the connection on which the broker delivers
    std::uint32_t room_ = 0;       // the most that the engine ever had
    Assembly incoming_;
    std::deque<std::unique_ptr<Message>> ready_;  // delivered by the broker, not yet to the engine
    std::unordered_map<std::uint64_t, std::unique_ptr<Message>> open_;  // by handle
    std::uint64_t last_handle_ = 0;
    std::set<std::uint64_t> unsettled_;                     // tags of this connection
    std::multimap<Clock::time_point, std::uint64_t> held_;  // tags that are put back when their delay ends
    std::vector<std::unique_ptr<Message>> shown_;
};

// The table of volley.inspect/1.
const volley_ext_inspect* inspect_functions();

}  // namespace volley::amqp

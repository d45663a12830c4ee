// The RSMQ consumer: batches under leases, settled with the receive count as the receipt.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connection.hpp"
#include "scripts.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

class RsmqConsumer {
public:
    explicit RsmqConsumer(Context context);
    ~RsmqConsumer();
    RsmqConsumer(const RsmqConsumer&) = delete;
    RsmqConsumer& operator=(const RsmqConsumer&) = delete;

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    std::int32_t settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    std::int32_t extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                        std::uint32_t lease_ms);
    Connection& connection() { return connection_; }
    // Keeps a reply alive for the views that a peek has given out.
    void keep(Reply reply) { peeked_ = std::move(reply); }

private:
    // A batch's reply: the bodies' memory, until its last delivery is closed.
    struct Received {
        Reply reply;
        std::uint32_t open = 0;
    };
    struct Delivery {
        std::uint32_t received = 0;  // index
        std::string_view id;
        std::string rc;
        bool open = false;
    };

    bool receive(volley_batch& batch);
    void fill(volley_batch& batch, Reply reply);
    bool wait(std::int64_t ms);
    std::int32_t change(Script& script, volley_settlement* settlements, std::uint32_t count,
                        std::uint32_t stride, bool acks);
    void close_delivery(std::uint64_t handle);

    Context context_;
    Connection connection_;
    Script receive_{receive_script};
    Script ack_{ack_script};
    Script visibility_{visibility_script};
    std::vector<Received> received_;
    std::vector<std::uint32_t> free_received_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint64_t> free_deliveries_;
    Reply peeked_;
    int wake_fd_ = -1;
    std::int64_t pause_ms_ = 1;
    std::int64_t next_visible_ms_ = -1;  // from now, as the last receive said; -1: nothing is hidden
};

// What volley_ext_inspect offers; consumer.cpp hands it out.
const volley_ext_inspect* inspect_functions();

}  // namespace volley::rsmq

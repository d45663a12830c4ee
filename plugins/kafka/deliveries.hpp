// The messages that librdkafka has lent to the engine.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <vector>

#include "volley/abi.hpp"

namespace volley::kafka {

// Thread: one at a time.
class Deliveries {
public:
    Deliveries() = default;
    // Returns all remaining messages, as release_all() does.
    ~Deliveries() { release_all(); }
    Deliveries(const Deliveries&) = delete;
    Deliveries& operator=(const Deliveries&) = delete;

    // Takes ownership of the message. Fills `out` with views into it and a handle; both are valid until the
    // release.
    void lend(rd_kafka_message_t* message, volley_message& out);
    // Returns the message to librdkafka. Does nothing if it was already returned.
    void release(std::uint64_t handle);
    void release_all();

private:
    struct Delivery {
        rd_kafka_message_t* message = nullptr;  // null: the handle is free
        std::vector<volley_header> headers;     // kept for the next message
    };
    std::vector<Delivery> deliveries_;  // by handle
    std::vector<std::uint64_t> free_;
};

}  // namespace volley::kafka

// Declares queues.
#pragma once

#include <cstdint>

#include "connection.hpp"

namespace volley::amqp {

struct QueueState {
    std::uint32_t messages = 0;  // ready
    std::uint32_t consumers = 0;
};

// Declares the queue according to the settings, or only checks whether it exists. Throws Error: config (it
// does not exist, or has other options), unauthorized, retry.
QueueState declare_queue(Connection& connection);
// Only checks. Throws the same errors.
QueueState look_at_queue(Connection& connection);

}  // namespace volley::amqp

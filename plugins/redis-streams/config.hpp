// The connector's configuration: `config:` of the queue, with REDIS_HOST as the default host.
#pragma once

#include <cstdint>
#include <string>

#include "entry.hpp"
#include "redis/server.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

struct Settings {
    redis::Server server;
    std::string stream;  // the key
    std::string group;
    std::string consumer;                 // the consumer's name in the group
    bool is_consumer_configured = false;  // false: the name is unique to this instance
    bool is_from_latest = false;
    std::int64_t claim_idle_ms = 30'000;
    bool delete_acked = false;
    Layout layout;
    std::int64_t maxlen = 0;  // 0: no trimming
    bool trim_always = false;
};

// Throws Error{config} that names the key. No I/O.
Settings read_settings(const Context& context);

}  // namespace volley::streams

// The connector's configuration: `config:` of the queue, with REDIS_HOST as the default host.
#pragma once

#include <string>

#include "redis/server.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

struct Settings {
    redis::Server server;
    std::string queue;         // RSMQ's name
    std::string set_key;       // {ns}:{queue}: ids by the time at which they become visible
    std::string hash_key;      // {ns}:{queue}:Q: attributes and bodies
    std::string names_key;     // {ns}:QUEUES
    std::string realtime_key;  // {ns}:rt:{queue}
    std::string ns;            // with its colon
    bool create = true;
    long vt_seconds = 30;
    long delay_seconds = 0;
    long maxsize = 65536;
    bool realtime = false;
    bool envelope = false;
};

// Throws Error{config} that names the key. No I/O.
Settings read_settings(const Context& context);

}  // namespace volley::rsmq

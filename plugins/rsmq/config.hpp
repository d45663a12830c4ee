// The connector's configuration: `config:` of the queue, with REDIS_HOST as the default host.
#pragma once

#include <string>

#include "volley/abi.hpp"

namespace volley::rsmq {

struct Settings {
    std::string host = "127.0.0.1";
    int port = 6379;
    std::string socket;  // path; empty: TCP
    int db = 0;
    std::string username;
    std::string password;
    bool tls = false;
    std::string tls_ca, tls_cert, tls_key;  // files; empty: the system's authorities, no client certificate
    std::string queue;                      // RSMQ's name
    std::string set_key;                    // {ns}:{queue}: ids by the time at which they become visible
    std::string hash_key;                   // {ns}:{queue}:Q: attributes and bodies
    std::string names_key;                  // {ns}:QUEUES
    std::string realtime_key;               // {ns}:rt:{queue}
    std::string ns;                         // with its colon
    bool create = true;
    long vt_seconds = 30;
    long delay_seconds = 0;
    long maxsize = 65536;
    bool realtime = false;
    bool envelope = false;
    int connect_timeout_ms = 5000;
    int command_timeout_ms = 10'000;

    // The server's address, for logs and errors. Has no secrets.
    std::string place() const;
    // Names the database. Equal for two settings that lead to the same one.
    std::string store() const { return place() + "/" + std::to_string(db); }
};

// Throws Error{config} that names the key. No I/O.
Settings read_settings(const Context& context);

}  // namespace volley::rsmq

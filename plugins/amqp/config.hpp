// The connector's configuration: `config:` of the queue.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "volley/abi.hpp"

namespace volley::amqp {

// How a queue is declared.
struct QueueOptions {
    bool is_passive = false;
    bool is_durable = true;
    bool is_quorum = false;
    std::optional<std::string> dead_letter_exchange;
    std::optional<std::string> dead_letter_routing_key;
    std::optional<std::int64_t> message_ttl_ms;
    std::optional<std::int64_t> max_length;
};

struct Settings {
    std::string host = "127.0.0.1";
    int port = 5672;
    std::string vhost = "/";
    std::string username = "guest";
    std::string password = "guest";
    bool tls = false;
    std::string tls_ca = "/etc/ssl/certs/ca-certificates.crt";
    std::string tls_cert, tls_key;  // files; empty: no client certificate
    std::string queue;
    QueueOptions options;
    int prefetch = 0;  // 0: the engine's room
    bool rejects = false;
    bool has_unique_ids = false;
    int heartbeat_s = 30;
    std::string exchange;  // empty: the default exchange
    std::string routing_key;
    bool is_persistent = true;
    int connect_timeout_ms = 5000;
    int command_timeout_ms = 30'000;

    // The broker's address and virtual host, for logs and errors. Has no secrets.
    std::string place() const;
};

// Throws Error{config} that names the key. No I/O.
Settings read_settings(const Context& context);

}  // namespace volley::amqp

// The server's address and what it asks for: the keys of `config:` that every connector to Redis has, with
// REDIS_HOST as the default host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "volley/abi.hpp"

namespace volley::redis {

struct Server {
    std::string host = "127.0.0.1";
    int port = 6379;
    std::string socket;  // path; empty: TCP
    int db = 0;
    std::string username;
    std::string password;
    bool tls = false;
    std::string tls_ca, tls_cert, tls_key;  // files; empty: the system's authorities, no client certificate
    int connect_timeout_ms = 5000;
    int command_timeout_ms = 10'000;

    // The address, for logs and errors. Has no secrets.
    std::string place() const;
    // Names the database. Equal for two servers that are the same one.
    std::string store() const { return place() + "/" + std::to_string(db); }
};

// Throws Error{config} that names the key. No I/O.
Server read_server(const Context& context);

// Throws the Error{config} of a key; empty: of no key.
[[noreturn]] void wrong(const std::string& key, const std::string& text);
// The value of a key: a whole number from `least` to `most`, or true or false. Throws Error{config}.
std::int64_t number(const Context& context, const char* key, std::int64_t fallback, std::int64_t least,
                    std::int64_t most);
bool yes(const Context& context, const char* key, bool fallback);

}  // namespace volley::redis

// The keys of config.schema.json.
#pragma once

#include <cstdint>
#include <string>

#include "mapping.hpp"
#include "table.hpp"

namespace volley::postgresql {

// How to reach the server. Never printed, because it may contain a password.
struct Server {
    std::string dsn;  // libpq's form; may be empty
    std::string password;
    std::uint32_t connect_timeout_ms = 5'000;
    std::uint32_t statement_timeout_ms = 30'000;
};

struct PostgresqlConfig {
    Server server;
    std::string schema = "volley";
    bool create = true;
    std::optional<Mapping> mapping;  // an existing table instead of one in `schema`
    std::uint32_t lease_ms = 30'000;
    bool ordered = true;
    bool listen = true;
    std::string listen_dsn;  // empty: server.dsn
    std::uint32_t poll_ms = 200;
    std::int32_t priority = 0;
    std::string priority_header;  // empty: none
};

// Throws Error{config} that names the key. Its text quotes no value that may contain a password.
PostgresqlConfig read_config(const Context& context);

// Returns the table of the queue, quoted: `"schema"."queue"`, or the mapped one. Throws Error{config} if
// `queue` cannot be the name of a queue's table.
std::string table_of(const PostgresqlConfig& config, std::string_view queue);

// Returns `"schema"."queue"`. Throws Error{config} if `queue` cannot be the name of a queue's table.
std::string table_name(const std::string& schema, std::string_view queue);

}  // namespace volley::postgresql

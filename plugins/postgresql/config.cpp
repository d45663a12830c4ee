#include "config.hpp"

#include <libpq-fe.h>

#include <charconv>
#include <cstdlib>
#include <memory>

#include "volley/utf8.hpp"

namespace volley::postgresql {

namespace {

constexpr std::size_t longest_name = 63;  // NAMEDATALEN - 1; PostgreSQL cuts longer names

std::int64_t number(const Context& context, const std::string& key, std::int64_t fallback, std::int64_t least,
                    std::int64_t most) {
    const auto text = context.find(key.c_str());
    if (!text) return fallback;
    std::int64_t value = 0;
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec == std::errc{} && parsed.ptr == end && value >= least && value <= most) return value;
    throw Error(ErrorCode::config,
                "config: `" + key + "` must be a whole number from " + std::to_string(least) + " to " +
                    std::to_string(most),
                "/" + key);
}

std::uint32_t milliseconds(const Context& context, const std::string& key, std::uint32_t fallback,
                           std::uint32_t least, std::uint32_t most) {
    return static_cast<std::uint32_t>(number(context, key, fallback, least, most));
}

bool truth(const Context& context, const std::string& key, bool fallback) {
    const auto text = context.find(key.c_str());
    if (!text) return fallback;
    if (*text == "true" || *text == "false") return *text == "true";
    throw Error(ErrorCode::config, "config: `" + key + "` must be true or false", "/" + key);
}

// libpq's own message is not shown: it quotes text that it does not understand, which may be a password.
void check_dsn(const std::string& dsn, const std::string& key) {
    if (dsn.empty()) return;
    char* message = nullptr;
    PQconninfoOption* options = PQconninfoParse(dsn.c_str(), &message);
    PQfreemem(message);
    const bool is_valid = options != nullptr;
    PQconninfoFree(options);
    if (is_valid) return;
    throw Error(ErrorCode::config,
                "config: `" + key +
                    "` is no connection string; write keywords (host=db dbname=app user=volley, values with "
                    "spaces in single quotes) or postgresql://user@host:port/database with %XX for what is "
                    "special; a password is best in `password`",
                "/" + key);
}

}  // namespace

PostgresqlConfig read_config(const Context& context) {
    PostgresqlConfig c;
    c.server.dsn = context.config("dsn", "");
    check_dsn(c.server.dsn, "dsn");
    c.server.password = context.config("password", "");
    c.listen_dsn = context.config("listen_dsn", "");
    check_dsn(c.listen_dsn, "listen_dsn");
    c.schema = context.config("schema", c.schema);
    if (c.schema.empty() || c.schema.size() > longest_name || !is_utf8(c.schema))
        throw Error(ErrorCode::config, "config: `schema` must be a name of 1 to 63 bytes", "/schema");
    c.mapping = read_mapping(context);
    c.create = truth(context, "create", c.create);
    c.ordered = truth(context, "ordered", c.ordered);
    c.listen = truth(context, "listen", c.listen);
    c.lease_ms = milliseconds(context, "lease_ms", c.lease_ms, 1000, 86'400'000);
    c.poll_ms = milliseconds(context, "poll_ms", c.poll_ms, 1, 60'000);
    constexpr std::int64_t most = 1'000'000;
    c.priority = static_cast<std::int32_t>(number(context, "priority", 0, -most, most));
    c.priority_header = context.config("priority_header", "");
    c.server.connect_timeout_ms =
        milliseconds(context, "connect_timeout_ms", c.server.connect_timeout_ms, 100, 600'000);
    c.server.statement_timeout_ms =
        milliseconds(context, "statement_timeout_ms", c.server.statement_timeout_ms, 100, 3'600'000);
    return c;
}

std::string table_of(const PostgresqlConfig& config, std::string_view queue) {
    if (!config.mapping) return table_name(config.schema, queue);
    return identifier(config.mapping->schema) + '.' + identifier(config.mapping->table);
}

std::string table_name(const std::string& schema, std::string_view queue) {
    if (queue.empty() || queue.size() > longest_name || !is_utf8(queue) ||
        queue.find('\0') != std::string_view::npos || queue.substr(0, 7) == "volley_")
        throw Error(ErrorCode::config,
                    "the queue \"" + std::string(queue.substr(0, 80)) +
                        "\" cannot be a table: a queue's `value` has 1 to 63 bytes and does not begin with "
                        "volley_");
    return identifier(schema) + '.' + identifier(queue);
}

}  // namespace volley::postgresql

#include "config.hpp"

#include <charconv>
#include <filesystem>

#include "rabbitmq.hpp"

namespace volley::amqp {

namespace {

constexpr std::size_t longest_name = 255;  // of a queue, an exchange or a routing key

[[noreturn]] void wrong(const char* key, const std::string& text) {
    throw Error(ErrorCode::config, text, std::string("/") + key);
}

std::optional<std::int64_t> find_number(const Context& context, const char* key, std::int64_t least,
                                        std::int64_t most) {
    const auto text = context.find(key);
    if (!text) return {};
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size() && value >= least && value <= most)
        return value;
    wrong(key, std::string(key) + " must be a whole number from " + std::to_string(least) + " to " +
                   std::to_string(most));
}

int number(const Context& context, const char* key, int fallback, int least, int most) {
    return static_cast<int>(find_number(context, key, least, most).value_or(fallback));
}

bool yes(const Context& context, const char* key, bool fallback) {
    const auto text = context.find(key);
    if (!text) return fallback;
    if (*text != "true" && *text != "false") wrong(key, std::string(key) + " must be true or false");
    return *text == "true";
}

// Whether the key has the second of two values; the first is the default.
bool is_second(const Context& context, const char* key, const char* first, const char* second) {
    const std::string text = context.config(key, first);
    if (text != first && text != second) wrong(key, std::string(key) + " must be " + first + " or " + second);
    return text == second;
}

void check_name(const char* key, const std::string& name) {
    if (name.size() > longest_name)
        wrong(key, std::string(key) + " has more than 255 bytes, the longest that AMQP allows");
}

// Errors do not quote the URL, because it may contain a password.
void read_url(Settings& s, std::string text) {
    amqp_connection_info info{};
    if (amqp_parse_url(text.data(), &info) != AMQP_STATUS_OK)
        wrong("url",
              "the URL is not of the form amqp[s]://user:password@host:port/vhost (special characters "
              "are written as %XX)");
    s.host = info.host;
    s.port = info.port;
    s.vhost = info.vhost;
    s.username = info.user;
    s.password = info.password;
    s.tls = info.ssl != 0;
}

// Paths are relative to the configuration's folder.
std::string file_of(const Context& context, const char* key, const std::string& fallback) {
    const auto path = context.find(key);
    return path ? (std::filesystem::path(context.base_dir()) / *path).string() : fallback;
}

void read_server(Settings& s, const Context& context) {
    if (const auto url = context.find("url")) {
        for (const char* key : {"host", "port", "vhost"})
            if (context.find(key))
                wrong(key, std::string("url and ") + key + " both set the address: choose one of the two");
        read_url(s, *url);
    }
    s.tls = yes(context, "tls", s.tls);
    if (!context.find("url") && s.tls) s.port = 5671;
    s.host = context.config("host", s.host);
    s.port = number(context, "port", s.port, 1, 65535);
    s.vhost = context.config("vhost", s.vhost);
    s.username = context.config("username", s.username);
    s.password = context.config("password", s.password);
    s.tls_ca = file_of(context, "tls_ca", s.tls_ca);
    s.tls_cert = file_of(context, "tls_cert", "");
    s.tls_key = file_of(context, "tls_key", "");
    for (const char* key : {"tls_ca", "tls_cert", "tls_key"})
        if (context.find(key) && !s.tls) wrong(key, std::string(key) + " has no effect without tls: true");
    if (s.tls_cert.empty() != s.tls_key.empty())
        wrong(s.tls_cert.empty() ? "tls_key" : "tls_cert", "tls_cert and tls_key go together");
}

void read_options(QueueOptions& o, const Context& context) {
    o.is_passive = is_second(context, "declare", "create", "passive");
    o.is_durable = yes(context, "durable", true);
    o.is_quorum = is_second(context, "queue_type", "classic", "quorum");
    if (o.is_quorum && !o.is_durable) wrong("durable", "a quorum queue is always durable");
    o.dead_letter_exchange = context.find("dead_letter_exchange");
    o.dead_letter_routing_key = context.find("dead_letter_routing_key");
    o.message_ttl_ms = find_number(context, "message_ttl_ms", 0, 4'000'000'000);
    // A queue of dead letters has no limit.
    o.max_length = find_number(context, "max_length", 0, 4'000'000'000);
    for (const char* key : {"queue_type", "durable", "dead_letter_exchange", "dead_letter_routing_key",
                            "message_ttl_ms", "max_length"})
        if (o.is_passive && context.find(key))
            wrong(key, std::string(key) + " has no effect with declare: passive");
    if (o.dead_letter_exchange) check_name("dead_letter_exchange", *o.dead_letter_exchange);
    if (o.dead_letter_routing_key && !o.dead_letter_exchange)
        wrong("dead_letter_routing_key",
              "dead_letter_routing_key has no effect without dead_letter_exchange");
}

}  // namespace

std::string Settings::place() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + ", virtual host " + vhost;
}

Settings read_settings(const Context& context) {
    Settings s;
    read_server(s, context);
    s.queue = context.value();
    if (s.queue.empty() || s.queue.size() > longest_name)
        throw Error(ErrorCode::config, "the value, the queue's name, must have from 1 to 255 bytes");
    if (s.queue.rfind("amq.", 0) == 0)
        throw Error(ErrorCode::config, "names that begin with amq. are the broker's: choose another value");
    read_options(s.options, context);
    s.prefetch = number(context, "prefetch", 0, 1, 65535);
    s.rejects = is_second(context, "nack", "requeue", "reject");
    if (s.rejects && !s.options.is_passive && !s.options.dead_letter_exchange)
        wrong("nack", "nack: reject loses messages without dead_letter_exchange");
    s.has_unique_ids = yes(context, "unique_message_ids", false);
    s.heartbeat_s = number(context, "heartbeat_s", s.heartbeat_s, 0, 3600);
    s.exchange = context.config("exchange", "");
    check_name("exchange", s.exchange);
    s.routing_key = context.config("routing_key", s.queue);
    check_name("routing_key", s.routing_key);
    if (context.find("routing_key") && s.exchange.empty())
        wrong("routing_key", "routing_key has no effect without exchange");
    s.is_persistent = yes(context, "persistent", true);
    s.connect_timeout_ms = number(context, "connect_timeout_ms", s.connect_timeout_ms, 1, 3'600'000);
    s.command_timeout_ms = number(context, "command_timeout_ms", s.command_timeout_ms, 1, 3'600'000);
    return s;
}

}  // namespace volley::amqp

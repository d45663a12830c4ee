#include "config.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <random>
#include <regex>

namespace volley::streams {

namespace {

[[noreturn]] void wrong(const std::string& key, const std::string& text) {
    throw Error(ErrorCode::config, text, key.empty() ? "" : "/" + key);
}

// A whole number from `least` to `most`, or nothing.
std::optional<std::int64_t> to_number(std::string_view text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) return {};
    return value;
}

std::int64_t number(const Context& context, const char* key, std::int64_t fallback, std::int64_t least,
                    std::int64_t most) {
    const auto text = context.find(key);
    if (!text) return fallback;
    if (const auto value = to_number(*text, least, most)) return *value;
    wrong(key, std::string(key) + " must be a whole number from " + std::to_string(least) + " to " +
                   std::to_string(most));
}

bool yes(const Context& context, const char* key, bool fallback) {
    const auto text = context.find(key);
    if (!text) return fallback;
    if (*text != "true" && *text != "false") wrong(key, std::string(key) + " must be true or false");
    return *text == "true";
}

// Whether the key has the second of two values. The first is the default.
bool is_second(const Context& context, const char* key, const char* first, const char* second) {
    const std::string text = context.config(key, first);
    if (text != first && text != second) wrong(key, std::string(key) + " must be " + first + " or " + second);
    return text == second;
}

// Decodes %XX in a part of a URL.
std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;  // unsigned, so that "%-1" is not a byte
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(&text[i + 1], &text[i + 3], byte, 16).ptr == &text[i + 3]) {
            out.push_back(static_cast<char>(byte));
            i += 2;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

// Errors do not quote the URL, because it may contain a password.
void read_url(Settings& s, const std::string& text, const std::string& key) {
    if (text.rfind("rediss://", 0) == 0)
        wrong(key, "this connector has no TLS: put a TLS proxy such as stunnel in front of Redis");
    if (text.rfind("unix://", 0) == 0) {
        s.socket = text.substr(7);
        return;
    }
    static const std::regex form(
        R"(redis://(?:([^:@/]*)(?::([^@/]*))?@)?(?:\[([^\]]+)\]|([^:/@]+))(?::(\d+))?(?:/(\d*))?)");
    std::smatch part;
    const char* expected =
        "the URL is not of the form redis://user:password@host:port/db (special characters in user and "
        "password are written as %XX)";
    if (!std::regex_match(text, part, form)) wrong(key, expected);
    if (part[1].matched) s.username = unescaped(part[1]);
    if (part[2].matched) s.password = unescaped(part[2]);
    s.host = part[3].matched ? part[3] : part[4];
    const auto port = part[5].matched ? to_number(part[5].str(), 1, 65535) : s.port;
    const auto db = part[6].length() > 0 ? to_number(part[6].str(), 0, 1'000'000) : s.db;
    if (!port || !db) wrong(key, expected);
    s.port = static_cast<int>(*port);
    s.db = static_cast<int>(*db);
}

// "host", "host:port", "[v6]:port", a bare IPv6 address or a URL.
void read_place(Settings& s, const std::string& text, const std::string& key) {
    if (text.find("://") != std::string::npos) return read_url(s, text, key);
    static const std::regex form(
        R"((?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d+))?|([0-9a-fA-F:.]*:[0-9a-fA-F:.]*:.*))");
    std::smatch part;
    // The error does not quote the text: it may contain a misplaced password.
    const std::string expected = "it must be a host, host:port or a URL that begins with redis://";
    if (!std::regex_match(text, part, form)) wrong(key, expected);
    s.host = part[1].matched ? part[1] : part[2].matched ? part[2] : part[4];
    if (!part[3].matched) return;
    const auto port = to_number(part[3].str(), 1, 65535);
    if (!port) wrong(key, expected);
    s.port = static_cast<int>(*port);
}

// With two addresses, one would be used, and the user might expect the other.
void refuse_two_addresses(const Context& context) {
    const char* first = nullptr;
    for (const char* key : {"url", "host", "socket"}) {
        if (!context.find(key)) continue;
        if (first != nullptr) {
            wrong(key, std::string(first) + " and " + key +
                           " both set the address of Redis: choose one of the two");
        }
        first = key;
    }
}

void read_server(Settings& s, const Context& context) {
    refuse_two_addresses(context);
    const char* environment = std::getenv("REDIS_HOST");
    if (const auto url = context.find("url")) {
        read_url(s, *url, "url");
    } else if (const auto host = context.find("host")) {
        read_place(s, *host, "host");
    } else if (!context.find("socket") && environment != nullptr && *environment != '\0') {
        try {
            read_place(s, environment, "");
        } catch (const Error& error) {
            throw Error(error.code, "REDIS_HOST: " + error.text);
        }
    }
    s.port = static_cast<int>(number(context, "port", s.port, 1, 65535));
    s.db = static_cast<int>(number(context, "db", s.db, 0, 1'000'000));
    s.socket = context.config("socket", s.socket);
    s.username = context.config("username", s.username);
    s.password = context.config("password", s.password);
}

// The host, the process and a random part: no two instances have the same name.
std::string new_consumer_name() {
    char host[64] = {};
    gethostname(host, sizeof host - 1);
    char random[9] = {};
    std::to_chars(random, random + 8, std::random_device()(), 16);
    return std::string(own_consumers) + host + "-" + std::to_string(getpid()) + "-" + random;
}

void read_fields(Layout& layout, const Context& context) {
    layout.body_field = context.config("body_field", layout.body_field);
    layout.key_field = context.config("key_field", layout.key_field);
    for (const auto* field : {&layout.body_field, &layout.key_field}) {
        const char* key = field == &layout.body_field ? "body_field" : "key_field";
        if (field->empty()) wrong(key, std::string(key) + " must not be empty");
        if (is_reserved_field(*field))
            wrong(key, "fields named tombstone, h:… and n:… have another meaning: choose another " +
                           std::string(key));
    }
    if (layout.body_field == layout.key_field)
        wrong("key_field", "body_field and key_field must be different");
}

}  // namespace

std::string Settings::place() const {
    if (!socket.empty()) return socket;
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Settings read_settings(const Context& context) {
    Settings s;
    read_server(s, context);
    s.stream = context.value();
    if (s.stream.empty()) throw Error(ErrorCode::config, "the value, the stream's key, is empty");
    s.group = context.config("group", context.app() + "." + context.component());
    if (s.group.empty()) wrong("group", "group must not be empty");
    const auto consumer = context.find("consumer");
    s.is_consumer_configured = consumer.has_value();
    s.consumer = consumer ? *consumer : new_consumer_name();
    if (s.consumer.empty()) wrong("consumer", "consumer must not be empty");
    if (consumer && s.consumer.rfind(own_consumers, 0) == 0)
        wrong("consumer", "names that begin with " + std::string(own_consumers) + " are Volley's own");
    s.is_from_latest = is_second(context, "from", "earliest", "latest");
    s.claim_idle_ms = number(context, "claim_idle_ms", s.claim_idle_ms, 1000, 2'000'000'000);
    s.delete_acked = yes(context, "delete_acked", s.delete_acked);
    read_fields(s.layout, context);
    s.maxlen = number(context, "maxlen", 0, 1, 1'000'000'000'000);
    s.trim_always = is_second(context, "trim", "acked", "always");
    if (context.find("trim") && s.maxlen == 0) wrong("trim", "trim has no effect without maxlen");
    s.connect_timeout_ms =
        static_cast<int>(number(context, "connect_timeout_ms", s.connect_timeout_ms, 1, 3'600'000));
    s.command_timeout_ms =
        static_cast<int>(number(context, "command_timeout_ms", s.command_timeout_ms, 1, 3'600'000));
    return s;
}

}  // namespace volley::streams

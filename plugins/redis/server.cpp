#include "redis/server.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "redis/tls.hpp"

namespace volley::redis {

namespace {

constexpr const char* no_tls =
    "needs TLS, which the hiredis of this system does not have; put a TLS proxy such as stunnel in front of "
    "Redis, and connect to that";

// A whole number from `least` to `most`, or nothing.
std::optional<std::int64_t> to_number(std::string_view text, std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) return {};
    return value;
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
void read_url(Server& s, const std::string& text, const std::string& key) {
    s.tls = text.rfind("rediss://", 0) == 0;
    if (s.tls && !has_tls()) wrong(key, std::string("rediss:// ") + no_tls);
    if (text.rfind("unix://", 0) == 0) {
        s.socket = text.substr(7);
        return;
    }
    static const std::regex form(
        R"(rediss?://(?:([^:@/]*)(?::([^@/]*))?@)?(?:\[([^\]]+)\]|([^:/@]+))(?::(\d+))?(?:/(\d*))?)");
    std::smatch part;
    const char* expected =
        "the URL is not of the form redis[s]://user:password@host:port/db (special characters in user and "
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
void read_place(Server& s, const std::string& text, const std::string& key) {
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

// Paths are relative to the configuration's folder.
std::string file_of(const Context& context, const char* key) {
    const std::string path = context.config(key, "");
    return path.empty() ? path : (std::filesystem::path(context.base_dir()) / path).string();
}

void read_tls(Server& s, const Context& context) {
    s.tls = yes(context, "tls", s.tls);
    if (s.tls && !has_tls()) wrong("tls", std::string("tls: true ") + no_tls);
    if (s.tls && !s.socket.empty())
        wrong("tls", "TLS cannot be used with a Unix socket: choose one of the two");
    s.tls_ca = file_of(context, "tls_ca");
    s.tls_cert = file_of(context, "tls_cert");
    s.tls_key = file_of(context, "tls_key");
    for (const char* key : {"tls_ca", "tls_cert", "tls_key"})
        if (context.find(key) && !s.tls) wrong(key, std::string(key) + " has no effect without tls: true");
    if (s.tls_cert.empty() != s.tls_key.empty())
        wrong(s.tls_cert.empty() ? "tls_key" : "tls_cert", "tls_cert and tls_key go together");
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

}  // namespace

void wrong(const std::string& key, const std::string& text) {
    throw Error(ErrorCode::config, text, key.empty() ? "" : "/" + key);
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

std::string Server::place() const {
    if (!socket.empty()) return socket;
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Server read_server(const Context& context) {
    Server s;
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
    read_tls(s, context);
    s.connect_timeout_ms =
        static_cast<int>(number(context, "connect_timeout_ms", s.connect_timeout_ms, 1, 3'600'000));
    s.command_timeout_ms =
        static_cast<int>(number(context, "command_timeout_ms", s.command_timeout_ms, 1, 3'600'000));
    return s;
}

}  // namespace volley::redis

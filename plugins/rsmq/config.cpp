#include "config.hpp"

#include <cstdlib>
#include <regex>

namespace volley::rsmq {

namespace {

long number(const Context& context, const char* key, long fallback) {
    const auto text = context.find(key);
    return text ? std::strtol(text->c_str(), nullptr, 10) : fallback;
}

[[noreturn]] void wrong(const std::string& key, const std::string& text) {
    throw Error(ErrorCode::config, text, key.empty() ? "" : "/" + key);
}

// "host", "host:port" or a URL.
void read_place(Settings& s, const std::string& text, const std::string& key) {
    if (text.find("://") == std::string::npos) {
        const std::size_t colon = text.rfind(':');
        s.host = text.substr(0, colon);
        if (colon != std::string::npos) s.port = std::atoi(text.c_str() + colon + 1);
        if (s.host.empty() || s.port <= 0 || s.port > 65535)
            wrong(key, "\"" + text + "\" is no host or host:port");
        return;
    }
    if (text.rfind("rediss://", 0) == 0) {
        wrong(key,
              "rediss:// needs TLS, which the hiredis of this system has not got; put a TLS proxy such as "
              "stunnel in "
              "front of Redis, and connect to that");
    }
    static const std::regex form(R"(redis://(?:([^:@/]*)(?::([^@/]*))?@)?([^:/]+)(?::(\d+))?(?:/(\d+))?)");
    std::smatch part;
    if (!std::regex_match(text, part, form))
        wrong(key, "the URL is not of the form redis://user:password@host:port/db");
    if (part[1].matched) s.username = part[1];
    if (part[2].matched) s.password = part[2];
    s.host = part[3];
    if (part[4].matched) s.port = std::stoi(part[4]);
    if (part[5].matched) s.db = std::stoi(part[5]);
}

}  // namespace

std::string Settings::place() const { return socket.empty() ? host + ":" + std::to_string(port) : socket; }

Settings read_settings(const Context& context) {
    Settings s;
    const char* environment = std::getenv("REDIS_HOST");
    if (const auto url = context.find("url")) {
        read_place(s, *url, "url");
    } else if (const auto host = context.find("host")) {
        read_place(s, *host, "host");
    } else if (environment != nullptr && *environment != '\0') {
        read_place(s, environment, "");
    }
    s.port = static_cast<int>(number(context, "port", s.port));
    s.db = static_cast<int>(number(context, "db", s.db));
    s.socket = context.config("socket", "");
    s.username = context.config("username", s.username);
    s.password = context.config("password", s.password);
    s.create = context.config("create", "true") == "true";
    s.realtime = context.config("realtime", "false") == "true";
    s.vt_seconds = number(context, "vt", s.vt_seconds);
    s.delay_seconds = number(context, "delay", s.delay_seconds);
    s.maxsize = number(context, "maxsize", context.for_dead_letters() ? -1 : s.maxsize);
    if (s.maxsize != -1 && s.maxsize < 1024) wrong("maxsize", "maxsize must be -1 or from 1024 to 65536");
    s.connect_timeout_ms = static_cast<int>(number(context, "connect_timeout_ms", s.connect_timeout_ms));
    s.command_timeout_ms = static_cast<int>(number(context, "command_timeout_ms", s.command_timeout_ms));
    s.queue = context.value();
    static const std::regex name("[a-zA-Z0-9_-]{1,160}");
    if (!std::regex_match(s.queue, name)) {
        throw Error(ErrorCode::config,
                    "\"" + s.queue + "\" is no name of an RSMQ queue: 1 to 160 letters, digits, - and _");
    }
    const std::string ns = context.config("ns", "rsmq") + ":";
    s.set_key = ns + s.queue;
    s.hash_key = s.set_key + ":Q";
    s.names_key = ns + "QUEUES";
    s.realtime_key = ns + "rt:" + s.queue;
    return s;
}

}  // namespace volley::rsmq

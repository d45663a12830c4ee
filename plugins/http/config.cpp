#include "config.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace volley::http {

namespace {

Error wrong(const std::string& key, const std::string& what) {
    return {ErrorCode::config, "config: `" + key + "` " + what, "/" + key};
}

std::uint32_t number(const Context& context, const std::string& key, std::uint32_t fallback,
                     std::uint32_t least, std::uint32_t most) {
    const auto text = context.find(key.c_str());
    if (!text) return fallback;
    std::uint32_t value = 0;
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec == std::errc{} && parsed.ptr == end && value >= least && value <= most) return value;
    throw wrong(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

std::string path_at(const Context& context, const char* key) {
    const std::string path = context.config(key, "");
    return path.empty() ? path
                        : (std::filesystem::path(context.base_dir()) / path).lexically_normal().string();
}

std::vector<std::string> names_at(const Context& context, const std::string& key) {
    std::vector<std::string> out;
    while (auto name = context.find(("/" + key + "/" + std::to_string(out.size())).c_str())) {
        std::transform(name->begin(), name->end(), name->begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        out.push_back(std::move(*name));
    }
    return out;
}

bool is_in_a_header(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

ServerConfig read_server_config(const Context& context) {
    ServerConfig c;
    const std::string listen = context.config("listen", "127.0.0.1:8080");
    const std::size_t colon = listen.rfind(':');
    if (colon == std::string::npos) throw wrong("listen", "must be host:port, for example 127.0.0.1:8080");
    c.host = listen.substr(0, colon);
    c.port = listen.substr(colon + 1);
    if (c.host.size() > 1 && c.host.front() == '[' && c.host.back() == ']')
        c.host = c.host.substr(1, c.host.size() - 2);
    std::uint32_t port = 0;
    const auto parsed = std::from_chars(c.port.data(), c.port.data() + c.port.size(), port);
    if (c.host.empty() || parsed.ec != std::errc{} || parsed.ptr != c.port.data() + c.port.size() ||
        port > 65535)
        throw wrong("listen", "must be host:port, for example 127.0.0.1:8080");
    c.path = context.config("path", "/");
    c.max_body_bytes = number(context, "max_body_bytes", 1u << 20, 1, 1u << 30);
    c.max_queued = number(context, "max_queued", c.max_queued, 1, 1'000'000);
    c.max_connections = number(context, "max_connections", c.max_connections, 1, 10'000);
    c.request_timeout_ms = number(context, "request_timeout_ms", c.request_timeout_ms, 100, 600'000);
    c.answer_timeout_ms = number(context, "answer_timeout_ms", c.answer_timeout_ms, 100, 3'600'000);
    c.pass_headers = names_at(context, "pass_headers");
    c.has_details = context.config("error_details", "true") == "true";
    return c;
}

ClientConfig read_client_config(const Context& context) {
    ClientConfig c;
    c.url = context.config("url");
    const std::size_t host = c.url.find("://") + 3;
    const std::size_t end = std::min(c.url.find_first_of("/?#", host), c.url.size());
    const std::size_t at = c.url.rfind('@', end);
    c.shown_url = at != std::string::npos && at > host ? c.url.substr(0, host) + c.url.substr(at + 1) : c.url;
    c.shown_url = c.shown_url.substr(0, c.shown_url.find('?'));  // tokens are often there
    c.content_type = context.config("content_type", c.content_type);
    if (std::any_of(c.content_type.begin(), c.content_type.end(),
                    [](char ch) { return ch < ' ' || ch > '~'; }))
        throw wrong("content_type", "has a character that no header may have");
    c.concurrency = number(context, "concurrency", c.concurrency, 1, 1000);
    c.connect_timeout_ms = number(context, "connect_timeout_ms", c.connect_timeout_ms, 1, 600'000);
    c.timeout_ms = number(context, "timeout_ms", c.timeout_ms, 1, 3'600'000);
    c.max_retry_after_ms = number(context, "max_retry_after_ms", c.max_retry_after_ms, 0, 3'600'000);
    c.tls_ca = path_at(context, "tls_ca");
    c.tls_cert = path_at(context, "tls_cert");
    c.tls_key = path_at(context, "tls_key");
    if (c.tls_cert.empty() != c.tls_key.empty())
        throw wrong(c.tls_cert.empty() ? "tls_cert" : "tls_key",
                    "is missing: certificate and key belong together");
    return c;
}

std::string read_token(const Context& context) {
    std::string token = context.config("token", "");
    const std::string path = path_at(context, "token_file");
    const char* key = path.empty() ? "token" : "token_file";
    if (!path.empty()) {
        if (!token.empty()) throw wrong(key, "and `token` exclude each other");
        std::ifstream file(path, std::ios::binary);
        char text[4096];
        file.read(text, sizeof text);
        if (file.bad() || (file.fail() && !file.eof()) || file.gcount() == 0)
            throw wrong(key, "cannot be read, or is empty: " + path);
        token.assign(text, static_cast<std::size_t>(file.gcount()));
        token.erase(token.find_last_not_of(" \t\r\n") + 1);
        if (token.empty()) throw wrong(key, "is empty: " + path);
    }
    if (!is_in_a_header(token)) throw wrong(key, "has a character that no bearer token may have");
    return token;
}

}  // namespace volley::http

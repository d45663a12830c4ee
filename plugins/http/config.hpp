// The keys of config.schema.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "volley/abi.hpp"

namespace volley::http {

struct ServerConfig {
    std::string host = "127.0.0.1";
    std::string port = "8080";
    std::string path = "/";
    std::string token;  // empty: anyone may send
    std::uint64_t max_body_bytes = 1u << 20;
    std::uint32_t max_queued = 100;
    std::uint32_t max_connections = 256;
    std::uint32_t request_timeout_ms = 10'000;
    std::uint32_t answer_timeout_ms = 30'000;
    std::vector<std::string> pass_headers;  // in lower case
    bool has_details = true;
};

struct ClientConfig {
    std::string url;
    std::string shown_url;  // without user and password
    std::string token;
    std::string content_type = "application/json";
    std::uint32_t concurrency = 16;
    std::uint32_t connect_timeout_ms = 5'000;
    std::uint32_t timeout_ms = 30'000;
    std::uint32_t max_retry_after_ms = 60'000;
    std::string tls_ca, tls_cert, tls_key;  // absolute paths; empty: none
};

// Each throws Error{config} that names the key. No I/O: read_token reads a token file.
ServerConfig read_server_config(const Context& context);
ClientConfig read_client_config(const Context& context);
// The configured token, or the content of `token_file`. Throws Error{config}.
std::string read_token(const Context& context);

}  // namespace volley::http

#include "operations/reply.hpp"

#include <cstdio>

namespace volley::operations {

namespace {

const char* reason_of(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 404:
            return "Not Found";
        case 409:
            return "Conflict";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        default:
            return status < 500 ? "Bad Request" : "Internal Server Error";
    }
}

}  // namespace

std::string response_head(int status, const std::string& content_type, const ResponseHeaders& headers) {
    std::string out = "HTTP/1.1 " + std::to_string(status) + " " + reason_of(status) + "\r\n";
    out += "Content-Type: " + content_type + "\r\n";
    for (const auto& [name, value] : headers) out += name + ": " + value + "\r\n";
    return out +
           "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
           "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"
           "Connection: close\r\n\r\n";
}

std::string response(int status, const std::string& content_type, const ResponseHeaders& headers,
                     const std::string& body, bool with_body) {
    ResponseHeaders all = headers;
    all.emplace_back("Content-Length", std::to_string(body.size()));
    return response_head(status, content_type, all) + (with_body ? body : std::string());
}

std::string chunk(const std::string& text) {
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + text + "\r\n";
}

}  // namespace volley::operations

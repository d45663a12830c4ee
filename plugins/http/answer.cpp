#include "answer.hpp"

#include <array>

#include "volley/plugin.h"
#include "volley/utf8.hpp"

namespace volley::http {

namespace {

constexpr std::array reasons = {"none",  "decode", "schema",   "handler_retry", "handler_fail", "timeout",
                                "crash", "output", "shutdown", "too_large",     "crash_loop"};

const char* phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 413:
            return "Content Too Large";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "";
    }
}

void append_text(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    const bool is_text = is_utf8(text);
    out.push_back('"');
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (byte < 0x20) {
            out.append("\\u00").push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        } else {
            out.push_back(byte >= 0x80 && !is_text ? '?' : c);
        }
    }
    out.push_back('"');
}

}  // namespace

std::string answer_body(std::string_view status, std::string_view reason, std::string_view error) {
    std::string out = "{\"status\":";
    append_text(out, status);
    if (!reason.empty()) append_text(out.append(",\"reason\":"), reason);
    if (!error.empty()) append_text(out.append(",\"error\":"), error);
    return out + "}\n";
}

Answer accepted() { return {200, answer_body("ok", {}, {}), 0}; }

Answer failed(std::uint32_t reason, std::string_view text) {
    const char* name = reason < reasons.size() ? reasons[reason] : "unknown";
    return {reason == VOLLEY_REASON_TOO_LARGE ? 413 : 422, answer_body("failed", name, text), 0};
}

Answer unavailable(std::uint32_t retry_after_s, std::string_view why) {
    return {503, answer_body("unavailable", {}, why), retry_after_s};
}

Answer refused(int status, std::string_view why) {
    return {status, answer_body("refused", {}, why), status == 429 ? 1u : 0u};
}

std::string to_response(const Answer& a, bool keeps_alive) {
    std::string out =
        "HTTP/1.1 " + std::to_string(a.status) + " " + phrase(a.status) +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(a.body.size()) +
        "\r\nCache-Control: no-store\r\n";
    if (a.retry_after_s > 0) out += "Retry-After: " + std::to_string(a.retry_after_s) + "\r\n";
    if (a.status == 401) out += "WWW-Authenticate: Bearer\r\n";
    if (a.status == 405) out += "Allow: POST\r\n";
    if (!keeps_alive) out += "Connection: close\r\n";
    return out + "\r\n" + a.body;
}

}  // namespace volley::http

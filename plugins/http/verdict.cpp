#include "verdict.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <limits>

#include "volley/plugin.h"
#include "volley/utf8.hpp"

namespace volley::http {

namespace {

// A server's answer may contain anything, and is shown to operators.
std::string shown(std::string_view body) {
    constexpr std::size_t most = 200;
    std::string out;
    const bool is_text = is_utf8(body);
    for (const char c : body.substr(0, is_text ? utf8_prefix(body.substr(0, most)) : most)) {
        const auto byte = static_cast<unsigned char>(c);
        out.push_back(byte < ' ' || byte == 0x7f ? ' ' : byte >= 0x80 && !is_text ? '?' : c);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
}

std::int32_t status_of(long status) {
    if (status >= 200 && status < 300) return VOLLEY_OK;
    if (status >= 500 || status == 408 || status == 425 || status == 429) return VOLLEY_E_RETRY;
    if (status == 401 || status == 407) return VOLLEY_E_UNAUTHORIZED;
    if (status == 413) return VOLLEY_E_TOO_LARGE;
    return VOLLEY_E_PERMANENT;
}

}  // namespace

std::uint32_t parse_retry_after(std::string_view text, std::uint32_t most_ms, std::int64_t now_s) {
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ptr != text.data() + text.size() || text.empty()) {
        const std::time_t date = ::curl_getdate(std::string(text).c_str(), nullptr);
        if (date < 0) return 0;
        seconds = date - now_s;
    } else if (parsed.ec != std::errc{}) {
        seconds = std::numeric_limits<std::int64_t>::max();
    }
    const std::int64_t most = most_ms / 1000 + 1;
    return static_cast<std::uint32_t>(
        std::min<std::int64_t>(std::clamp<std::int64_t>(seconds, 0, most) * 1000, most_ms));
}

Verdict judge(const Outcome& o, const std::string& shown_url, std::uint32_t most_pause_ms,
              std::int64_t now_s) {
    Verdict v;
    if (o.status == 0) {
        v.status = o.is_misconfigured ? VOLLEY_E_CONFIG : o.was_sent ? VOLLEY_E_UNKNOWN : VOLLEY_E_RETRY;
        v.text = shown_url + ": " + o.failure + (o.was_sent ? "; the server may have done the request" : "");
        return v;
    }
    v.status = status_of(o.status);
    if (v.status == VOLLEY_OK) return v;
    v.text = shown_url + " answered with " + std::to_string(o.status);
    if (o.status >= 300 && o.status < 400) v.text += ", a redirection, which is not followed";
    if (const std::string body = shown(o.body); !body.empty()) v.text += ": " + body;
    if (v.status == VOLLEY_E_RETRY) v.pause_ms = parse_retry_after(o.retry_after, most_pause_ms, now_s);
    return v;
}

}  // namespace volley::http

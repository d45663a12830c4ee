// Derives the report of a record from the outcome of its request. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::http {

// How a request ended.
struct Outcome {
    long status = 0;                // of HTTP; 0: there was no complete response
    std::string failure;            // why there was none, for an operator
    bool was_sent = false;          // the server may have seen the request
    bool is_misconfigured = false;  // TLS files, the URL
    std::string retry_after;        // the header
    std::string body;               // its beginning
};

struct Verdict {
    std::int32_t status = 0;  // of the report
    std::string text;
    std::uint32_t pause_ms = 0;  // before the report, as the server requested
};

// `now_s` is Unix time, for a Retry-After that is a date.
Verdict judge(const Outcome& outcome, const std::string& shown_url, std::uint32_t most_pause_ms,
              std::int64_t now_s);

// Seconds or a date, as milliseconds from now; 0: neither, or past.
std::uint32_t parse_retry_after(std::string_view text, std::uint32_t most_ms, std::int64_t now_s);

}  // namespace volley::http

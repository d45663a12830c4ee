// Times as operators write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::cli {

// "2026-11-24T10:00:00Z", "2026-11-24 10:00+01:00", "2026-11-24": UTC unless a zone is given. Or a duration,
// "90m": so long before `now_ms`. Unix milliseconds; nothing if it is none of these.
std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);

// "2026-11-24T10:00:00Z"
std::string utc_time(double unix_seconds);

// A period of time, as two options give it.
struct Window {
    std::string from;  // empty: none is asked for
    std::string to;    // empty: now
};
struct Times {
    std::int64_t from_ms = 0;
    std::int64_t to_ms = 0;  // not included, and not after now
};
// Says what is wrong, and returns nothing.
std::optional<Times> read_window(const Window& window);

}  // namespace volley::cli

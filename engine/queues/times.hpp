// Times as operators write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::queues {

// "2026-11-24T10:00:00Z", "2026-11-24 10:00+01:00", "2026-11-24": UTC unless a zone is given. Or a duration,
// "90m": so long before `now_ms`. Unix milliseconds; nothing if it is none of these.
std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);

// "2026-11-24T10:00:00Z"
std::string utc_time(double unix_seconds);

// The time now, with milliseconds: "2026-11-24T10:00:00.000Z"
std::string utc_time_now();

// A period of time.
struct Times {
    std::int64_t from_ms = 0;
    std::int64_t to_ms = 0;  // not included
};

}  // namespace volley::queues

// Limits how long queries block the consumer's thread while a broker does not respond. No I/O.
#pragma once

#include <cstdint>

namespace volley::kafka {

// After a query that timed out, no query is sent for ten seconds. Times: monotonic, ms.
class QueryPause {
public:
    static constexpr int timeout_ms = 1000;  // of each query
    static constexpr std::int64_t pause_ms = 10'000;

    bool is_active(std::int64_t now_ms) const { return now_ms < until_ms_; }
    // A query failed. One that failed immediately did not block, and starts no pause.
    void note_failure(std::int64_t began_ms, std::int64_t now_ms) {
        if (now_ms - began_ms >= timeout_ms / 2) until_ms_ = now_ms + pause_ms;
    }
    void end() { until_ms_ = 0; }

private:
    std::int64_t until_ms_ = 0;
};

}  // namespace volley::kafka

// When librdkafka was polled for messages, and when fetching is resumed. No I/O. Times: monotonic, ms.
#pragma once

#include <algorithm>
#include <cstdint>

namespace volley::kafka {

// Call it once per poll, not per message: the messages of one call come from memory without waiting.
class PollClock {
public:
    void record(std::int64_t now_ms) {
        gap_ms_ = polled_ms_ == 0 ? 0 : now_ms - polled_ms_;
        polled_ms_ = now_ms;
    }
    // The longer of the time between the last two polls and the time since the last one.
    std::int64_t gap_ms(std::int64_t now_ms) const { return std::max(gap_ms_, now_ms - polled_ms_); }

private:
    std::int64_t polled_ms_ = 0;  // 0: never
    std::int64_t gap_ms_ = 0;
};

// Resumes fetching that stopped at a full queue once messages were taken; see resume_fetching().
class FetchResume {
public:
    static constexpr std::int64_t every_ms = 10;

    void note_received() { received_ = true; }
    bool is_due(std::int64_t now_ms) const { return received_ && now_ms >= resumed_ms_ + every_ms; }
    void resumed(std::int64_t now_ms) {
        resumed_ms_ = now_ms;
        received_ = false;
    }
    // How long to wait for a message: `wait_ms`, but no longer than until the next resume is due.
    int wait(int wait_ms, std::int64_t now_ms) const {
        if (!received_) return wait_ms;
        return static_cast<int>(std::min<std::int64_t>(wait_ms, resumed_ms_ + every_ms - now_ms));
    }

private:
    bool received_ = false;  // messages, since the last resume
    std::int64_t resumed_ms_ = 0;
};

}  // namespace volley::kafka

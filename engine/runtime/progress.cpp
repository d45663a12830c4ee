#include "runtime/progress.hpp"

#include <algorithm>

namespace volley::runtime {

delivery::Instant StallWatch::waiting_since(const Facts& facts, Input& input, delivery::Instant now) {
    if (facts.excused) last_progress_ = now;
    if (!facts.may_lag || facts.outage || now - last_received_ < stall_timeout_ / 2) {
        lags_ = false;
    } else if (now >= next_look_) {
        next_look_ = now + stall_timeout_ / 8;
        const auto stats = input.stats();
        lags_ = stats && stats->ready > 0;
    }
    const bool waits = facts.active || lags_;
    const delivery::Instant since = lags_ ? last_received_ : last_progress_;
    if (waits) return std::max(since, delivery::Instant(1));
    last_progress_ = now;
    return delivery::Instant(0);
}

std::optional<bool> IdleWatch::look(Input& input, delivery::Instant now) {
    constexpr delivery::Millis period{100};
    // A store without statistics counts as idle after this time without a message.
    constexpr delivery::Millis idle_after{1000};
    if (now < next_look_) return std::nullopt;
    next_look_ = now + period;
    const auto stats = input.stats();
    if (stats && stats->ready >= 0) return stats->ready == 0 && stats->delayed <= 0;
    if (!stats && input.has_stats()) return false;  // a store whose statistics fail may have messages
    return now - nothing_since_ >= idle_after;
}

}  // namespace volley::runtime

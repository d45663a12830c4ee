#include "pacing.hpp"

#include <algorithm>

namespace volley::kafka {

bool Pacing::is_light() const {
    constexpr std::int64_t max_records = 128;
    constexpr std::int64_t max_bytes = 500'000;
    return total_.records.load() <= max_records && total_.bytes.load() <= max_bytes;
}

bool Pacing::is_below(const InFlight& in_flight, std::size_t requests) const {
    // A partition's counts are approximate and can be negative for a moment.
    const auto records = static_cast<std::size_t>(std::max<std::int64_t>(in_flight.records.load(), 0));
    const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(in_flight.bytes.load(), 0));
    return records < requests * limits_.records && bytes < requests * limits_.bytes;
}

// The number of messages of a partition that an idempotent librdkafka producer has in flight. Each large
// message is its own request.
constexpr std::int64_t min_records = 5;

bool Pacing::has_room(const InFlight& partition) const {
    if (!enabled_ || is_light()) return true;
    return partition.records.load() < min_records || is_below(partition, 1) || is_below(total_, 2);
}

bool Pacing::has_room_unassigned(std::size_t partitions) const {
    if (!enabled_ || is_light()) return true;
    const std::size_t count = std::max<std::size_t>(partitions, 1);
    return total_.records.load() < min_records * static_cast<std::int64_t>(count) ||
           is_below(total_, count + 1);
}

FlushSchedule::Wait FlushSchedule::next(bool is_light, bool has_backlog, Clock::time_point now) {
    constexpr int max_flush_ms = 10;
    constexpr int backlog_ms = 50;  // with a backlog, the brokers have enough to do; a flush would not help
    if (is_light || is_stalled_ || now - flushed_ > std::chrono::milliseconds(max_wait_ms)) {
        // A flush that times out immediately does nothing: librdkafka's broker threads send early only during
        // a flush.
        return {true, is_light ? wait_ms_ : std::min(wait_ms_, max_flush_ms), is_light};
    }
    return {false, has_backlog ? std::max(wait_ms_, backlog_ms) : wait_ms_, is_light};
}

void FlushSchedule::end(const Wait& wait, bool has_reports, Clock::time_point now) {
    if (wait.flush) flushed_ = now;
    is_stalled_ = !has_reports && !wait.flush;
    // During a flush the broker threads poll without blocking, which is wasted while no reports arrive.
    if (has_reports) {
        wait_ms_ = 1;
    } else if (wait.is_light || !wait.flush) {
        wait_ms_ = std::min(wait_ms_ * 2, max_wait_ms);
    }
}

void FlushSchedule::reset(Clock::time_point now) {
    wait_ms_ = 1;
    is_stalled_ = false;
    flushed_ = now;
}

}  // namespace volley::kafka

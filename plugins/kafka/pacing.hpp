// Decides how many of the producer's queued records librdkafka may have now, and when to flush. No I/O.
//
// Each partition may have one request's worth of records in flight. While fewer than two requests' worth are
// in flight in total, any partition may have more. The rest stays queued in the producer, by partition, until
// delivery reports arrive.
//
// An idempotent librdkafka producer has one request in flight per partition: 2.0.2 counts its limit of five
// in messages. The next request's worth waits behind it and leaves as soon as the response arrives.
//
// While messages older than linger.ms wait behind a request in flight, librdkafka's broker thread polls
// without blocking and uses up to three times the CPU of the work itself. linger.ms is therefore set so high
// that no message reaches it, and the polling thread flushes records that do not fill a request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace volley::kafka {

// Records that librdkafka has accepted and not reported yet, and the bytes of their keys and bodies. Thread:
// any.
struct InFlight {
    std::atomic<std::int64_t> records{0};
    std::atomic<std::int64_t> bytes{0};

    void add(std::int64_t record_count, std::int64_t byte_count) {
        bytes.fetch_add(byte_count);
        records.fetch_add(record_count);
    }
    void remove(std::int64_t record_count, std::int64_t byte_count) {
        bytes.fetch_sub(byte_count);
        records.fetch_sub(record_count);
    }
};

// Thread: any.
class Pacing {
public:
    // The limit of one request, which carries one partition.
    struct RequestLimits {
        std::size_t records;
        std::size_t bytes;
    };

    // `enabled`: false lets everything through. The user has then set linger.ms, and librdkafka alone forms
    // batches.
    Pacing(bool enabled, RequestLimits limits) : enabled_(enabled), limits_(limits) {}

    bool is_enabled() const { return enabled_; }

    // In flight for all partitions.
    InFlight& in_flight() { return total_; }

    // True if so little is in flight that each record is sent immediately, without waiting for others.
    bool is_light() const;

    // True if a partition that has `partition` in flight may get more. Every partition may have one request's
    // worth in flight, whatever the others have, so that it waits only for its own leader.
    bool has_room(const InFlight& partition) const;

    // The same for records whose partition librdkafka chooses. `partitions`: how many the topic has; 0:
    // unknown.
    bool has_room_unassigned(std::size_t partitions) const;

private:
    bool is_below(const InFlight& in_flight, std::size_t requests) const;

    bool enabled_;
    RequestLimits limits_;
    InFlight total_;
};

// Decides how the polling thread waits for delivery reports: with rd_kafka_poll, or with rd_kafka_flush,
// which also sends records that wait for linger.ms. Few records are flushed immediately; more are flushed
// when the last poll brought no report, and every 100 ms for partitions with little traffic. Thread: polling.
class FlushSchedule {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr int max_wait_ms = 100;

    struct Wait {
        bool flush;
        int timeout_ms;
        bool is_light;
    };

    // `is_light`: see Pacing. `has_backlog`: some partition has a request's worth in flight and more queued.
    Wait next(bool is_light, bool has_backlog, Clock::time_point now);

    // Must be called after each wait. `has_reports`: it brought delivery reports.
    void end(const Wait& wait, bool has_reports, Clock::time_point now);

    // Nothing was in flight until now: starts with the shortest wait.
    void reset(Clock::time_point now);

private:
    int wait_ms_ = 1;
    bool is_stalled_ = false;  // the last wait was a poll and brought no report
    Clock::time_point flushed_{};
};

}  // namespace volley::kafka

// How much librdkafka gets at a time, and when it is flushed. Needs no broker.
#include "pacing.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <limits>

using namespace volley::kafka;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t request_records = 1000;
constexpr std::int64_t request_bytes = 1'000'000;
constexpr Pacing::RequestLimits limits{request_records, request_bytes};

void add(Pacing& pacing, InFlight& partition, std::int64_t records, std::int64_t bytes) {
    partition.add(records, bytes);
    pacing.in_flight().add(records, bytes);
}

}  // namespace

TEST_CASE("few records have room whatever their partition has", "[kafka]") {
    Pacing pacing(true, limits);
    InFlight partition;
    CHECK(pacing.is_light());
    add(pacing, partition, 128, 500'000);
    CHECK(pacing.is_light());
    CHECK(pacing.has_room(partition));
    SECTION("more records are not few") { add(pacing, partition, 1, 0); }
    SECTION("more bytes are not few") { add(pacing, partition, 0, 1); }
    CHECK_FALSE(pacing.is_light());
}

TEST_CASE("two requests are in flight for a partition that is alone", "[kafka]") {
    Pacing pacing(true, limits);
    InFlight partition;
    add(pacing, partition, 2 * request_records - 1, 0);
    CHECK(pacing.has_room(partition));
    add(pacing, partition, 1, 0);
    CHECK_FALSE(pacing.has_room(partition));
    pacing.in_flight().remove(1, 0);
    partition.remove(1, 0);
    CHECK(pacing.has_room(partition));
}

TEST_CASE("each partition has room for one request while others have many in flight", "[kafka]") {
    Pacing pacing(true, limits);
    InFlight busy;
    InFlight other;
    add(pacing, busy, 10 * request_records, 0);
    CHECK_FALSE(pacing.has_room(busy));
    CHECK(pacing.has_room(other));
    add(pacing, other, request_records - 1, 0);
    CHECK(pacing.has_room(other));
    add(pacing, other, 1, 0);
    CHECK_FALSE(pacing.has_room(other));
}

TEST_CASE("a request is full by its bytes, too, but five records always have room", "[kafka]") {
    Pacing pacing(true, limits);
    InFlight partition;
    add(pacing, partition, 4, 10 * request_bytes);
    CHECK(pacing.has_room(partition));
    add(pacing, partition, 1, 0);
    CHECK_FALSE(pacing.has_room(partition));
}

TEST_CASE("records without a partition have room for one request each and one more", "[kafka]") {
    Pacing pacing(true, limits);
    constexpr std::size_t partitions = 3;
    pacing.in_flight().add(4 * request_records - 1, 0);
    CHECK(pacing.has_room_unassigned(partitions));
    pacing.in_flight().add(1, 0);
    CHECK_FALSE(pacing.has_room_unassigned(partitions));
    CHECK_FALSE(pacing.has_room_unassigned(0));
}

TEST_CASE("pacing that is off and limits that are off let everything through", "[kafka]") {
    Pacing off(false, limits);
    InFlight partition;
    add(off, partition, 100 * request_records, 100 * request_bytes);
    CHECK(off.has_room(partition));
    CHECK(off.has_room_unassigned(1));
    constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    Pacing unlimited(true, {none, none});
    InFlight other;
    add(unlimited, other, 100 * request_records, 100 * request_bytes);
    CHECK(unlimited.has_room(other));
}

TEST_CASE("a negative count has room", "[kafka]") {
    Pacing pacing(true, limits);
    pacing.in_flight().add(10 * request_records, 0);
    InFlight partition;
    partition.remove(10, 10);
    CHECK(pacing.has_room(partition));
}

TEST_CASE("few records are flushed at once, with longer waits while nothing is reported", "[kafka]") {
    FlushSchedule schedule;
    FlushSchedule::Clock::time_point now{1h};
    schedule.reset(now);
    for (const int expected : {1, 2, 4, 8, 16, 32, 64, 100, 100}) {
        const FlushSchedule::Wait wait = schedule.next(true, false, now);
        CHECK(wait.flush);
        CHECK(wait.timeout_ms == expected);
        schedule.end(wait, false, now);
    }
    schedule.end(schedule.next(true, false, now), true, now);
    CHECK(schedule.next(true, false, now).timeout_ms == 1);
}

TEST_CASE("many records are polled for, and flushed after a poll without reports", "[kafka]") {
    FlushSchedule schedule;
    FlushSchedule::Clock::time_point now{1h};
    schedule.reset(now);
    FlushSchedule::Wait wait = schedule.next(false, false, now);
    CHECK_FALSE(wait.flush);
    schedule.end(wait, true, now);
    wait = schedule.next(false, false, now);
    CHECK_FALSE(wait.flush);
    schedule.end(wait, false, now);
    wait = schedule.next(false, false, now);
    CHECK(wait.flush);
    CHECK(wait.timeout_ms == 2);
    schedule.end(wait, false, now);
    // A flush without reports is followed by a poll.
    CHECK_FALSE(schedule.next(false, false, now).flush);
}

TEST_CASE("many records are flushed every 100 ms, for 10 ms at the most", "[kafka]") {
    FlushSchedule schedule;
    FlushSchedule::Clock::time_point now{1h};
    schedule.reset(now);
    for (int i = 0; i < 10; ++i) schedule.end(schedule.next(true, false, now), false, now);
    CHECK_FALSE(schedule.next(false, false, now + 100ms).flush);
    const FlushSchedule::Wait wait = schedule.next(false, false, now + 101ms);
    CHECK(wait.flush);
    CHECK(wait.timeout_ms == 10);
}

TEST_CASE("with a backlog a poll gives the broker time to respond", "[kafka]") {
    FlushSchedule schedule;
    FlushSchedule::Clock::time_point now{1h};
    schedule.reset(now);
    const FlushSchedule::Wait wait = schedule.next(false, true, now);
    CHECK_FALSE(wait.flush);
    CHECK(wait.timeout_ms == 50);
}

// Whether a log was replaced, and when to look. Needs no broker.
#include "log_mark.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace volley::kafka;

namespace {

// A log as a broker has it: times of records, from the offset `begin` on.
struct Log {
    std::int64_t begin = 0;
    std::vector<std::int64_t> times;

    std::int64_t end() const { return begin + static_cast<std::int64_t>(times.size()); }
    std::int64_t first_since(std::int64_t time) const {
        for (std::size_t i = 0; i < times.size(); ++i)
            if (times[i] >= time) return begin + static_cast<std::int64_t>(i);
        return no_offset;
    }
    void expire(std::size_t count) {
        times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(count));
        begin += static_cast<std::int64_t>(count);
    }
};

void mark_at_end(LogMark& mark, const Log& log, std::int64_t now) {
    const std::int64_t time = LogMark::time_after(log.times.empty() ? -1 : log.times.back(), now);
    mark.set(time, log.first_since(time), log.end());
}

}  // namespace

TEST_CASE("one and the same log is never taken for another, whatever is appended and deleted", "[kafka]") {
    std::mt19937 random(7);
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    for (int round = 0; round < 300; ++round) {
        Log log;
        LogMark mark;
        std::int64_t now = 1'000'000;
        for (int step = 0; step < 60; ++step) {
            now += static_cast<std::int64_t>(below(10));
            // The clocks of producers differ, so times are not in order.
            for (std::size_t i = below(4); i > 0; --i)
                log.times.push_back(now + static_cast<std::int64_t>(below(40)) - 20);
            if (below(5) == 0 && !log.times.empty()) log.expire(below(log.times.size() + 1));
            if (mark.is_set()) {
                const std::int64_t first = log.first_since(mark.time_ms);
                REQUIRE_FALSE(mark.is_of_another_log(first));
                mark.confirm(first);
            }
            if (below(2) == 0 && mark.may_move(log.end())) mark_at_end(mark, log, now);
        }
    }
}

TEST_CASE("a log whose records came after the mark is another one", "[kafka]") {
    Log log{0, {1000, 1010, 1020}};
    LogMark mark;
    mark_at_end(mark, log, 2000);
    REQUIRE(mark.position == 3);
    SECTION("recreated, and longer than before") {
        const Log recreated{0, {3000, 3001, 3002, 3003, 3004}};
        CHECK(mark.is_of_another_log(recreated.first_since(mark.time_ms)));
    }
    SECTION("truncated, and written again") {
        const Log truncated{0, {1000, 3000, 3001, 3002}};
        CHECK(mark.is_of_another_log(truncated.first_since(mark.time_ms)));
    }
    SECTION("recreated, and empty: nothing can be said yet") {
        CHECK_FALSE(mark.is_of_another_log(Log{}.first_since(mark.time_ms)));
    }
    SECTION("no answer says nothing") { CHECK_FALSE(mark.is_of_another_log(unknown_offset)); }
}

TEST_CASE("a mark rises with the log's start, and detects more then", "[kafka]") {
    LogMark mark;
    mark.set(1000, 10, 20);
    mark.confirm(15);
    CHECK(mark.is_of_another_log(12));
    mark.confirm(no_offset);
    CHECK(mark.first == 15);
}

TEST_CASE("a mark that was not checked is kept", "[kafka]") {
    LogMark mark;
    CHECK(mark.may_move(20));
    CHECK_FALSE(mark.may_move(-1));  // the position is unknown
    mark.set(1000, 10, 20);
    CHECK_FALSE(mark.may_move(20));
    CHECK(mark.may_move(21));
    mark.confirm(unknown_offset);
    CHECK_FALSE(mark.may_move(21));
    mark.confirm(no_offset);
    CHECK(mark.may_move(21));
}

TEST_CASE("the time of a mark is that of the messages, unless it lies in the future", "[kafka]") {
    CHECK(LogMark::time_after(500, 1000) == 501);
    CHECK(LogMark::time_after(1500, 1000) == 1000);
    CHECK(LogMark::time_after(-1, 1000) == 1000);
    LogMark mark;
    mark.set(501, no_offset, 20);  // no record is that late: new ones are appended at the position
    CHECK(mark.first == 20);
}

TEST_CASE("marks are checked every five seconds, and soon if one is not set", "[kafka]") {
    MarkSchedule schedule;
    constexpr std::int64_t now = 100'000;
    REQUIRE(schedule.is_due(now));
    schedule.begin(now, false);
    CHECK_FALSE(schedule.is_due(now + MarkSchedule::every_ms - 1));
    CHECK(schedule.is_due(now + MarkSchedule::every_ms));
    schedule.begin(now, true);
    CHECK_FALSE(schedule.is_due(now + MarkSchedule::soon_ms - 1));
    CHECK(schedule.is_due(now + MarkSchedule::soon_ms));
    schedule.fail(now);
    CHECK_FALSE(schedule.is_due(now + MarkSchedule::after_failure_ms - 1));
    schedule.make_due();
    CHECK(schedule.is_due(now));
}

TEST_CASE("at the end of a partition a mark is set soon, and the first one at once", "[kafka]") {
    MarkSchedule schedule;
    constexpr std::int64_t now = 100'000;
    schedule.begin(now, false);
    LogMark mark;
    SECTION("the first one") {
        schedule.note_end(mark, 20, now + 1);
        CHECK(schedule.is_due(now + 1));
    }
    SECTION("a later one") {
        mark.set(1000, 10, 19);
        schedule.note_end(mark, 20, now + 1);
        CHECK_FALSE(schedule.is_due(now + MarkSchedule::soon_ms - 1));
        CHECK(schedule.is_due(now + MarkSchedule::soon_ms));
    }
    SECTION("one that is there already") {
        mark.set(1000, 10, 20);
        schedule.note_end(mark, 20, now + 1);
        CHECK_FALSE(schedule.is_due(now + MarkSchedule::every_ms - 1));
    }
}

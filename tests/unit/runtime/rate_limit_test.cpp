// How many messages an operator's limit lets through, and when the next one may come.
#include "runtime/rate_limit.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using volley::delivery::never;
using volley::runtime::RateLimit;

TEST_CASE("without a limit there is nothing to wait for", "[rate]") {
    RateLimit limit;
    CHECK_FALSE(limit.is_set());
    CHECK(limit.next() == never);
    limit.took(1000);
    CHECK(limit.next() == never);
}

TEST_CASE("no more than the rate is let through, however often it is asked", "[rate]") {
    RateLimit limit;
    limit.set(100, 5000ms);
    std::uint32_t taken = 0;
    for (auto now = 5000ms; now < 15'000ms; now += 1ms) {
        limit.set(100, now);  // the same again changes nothing
        const std::uint32_t room = limit.room(now);
        limit.took(room);
        taken += room;
    }
    CHECK(taken >= 990);
    CHECK(taken <= 1001);
}

TEST_CASE("what was not used is kept for a tenth of a second only", "[rate]") {
    RateLimit limit;
    limit.set(1000, 0ms);
    CHECK(limit.room(60'000ms) == 100);
    limit.took(100);
    CHECK(limit.room(60'000ms) == 0);
    CHECK(limit.next() == 60'001ms);
    CHECK(limit.room(60'001ms) == 1);
}

TEST_CASE("more than there was room for is paid back", "[rate]") {
    RateLimit limit;
    limit.set(10, 0ms);
    CHECK(limit.room(0ms) == 1);
    limit.took(6);
    CHECK(limit.room(500ms) == 0);
    CHECK(limit.next() == 600ms);
    CHECK(limit.room(600ms) == 1);
}

TEST_CASE("the least rate has room every second", "[rate]") {
    RateLimit limit;
    limit.set(1, 0ms);
    for (auto now = 0ms; now < 10'000ms; now += 1000ms) {
        CHECK(limit.room(now) == 1);
        limit.took(1);
        CHECK(limit.next() <= now + 1000ms);
    }
    limit.set(0, 20'000ms);
    CHECK_FALSE(limit.is_set());
}

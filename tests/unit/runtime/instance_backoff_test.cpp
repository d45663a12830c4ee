// When the next instance of a handler may be made, and which failures are logged.
#include "runtime/instance_backoff.hpp"

#include <catch2/catch.hpp>

using volley::delivery::Instant;
using volley::delivery::Millis;
using volley::runtime::InstanceBackoff;

TEST_CASE("without a failure the next instance is made at once", "[instance_backoff]") {
    InstanceBackoff backoff;
    CHECK_FALSE(backoff.begin(Instant(1000)));
    CHECK(backoff.is_over(Instant(1000)));
}

TEST_CASE("the wait doubles with each failure in a row, up to ten seconds", "[instance_backoff]") {
    InstanceBackoff backoff;
    Instant now(1000);
    for (const int expected : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
        backoff.failed();
        REQUIRE(backoff.begin(now));
        CHECK_FALSE(backoff.is_over(now + Millis(expected - 1)));
        now += Millis(expected);
        CHECK(backoff.is_over(now));
    }
    for (int i = 0; i < 100; ++i) backoff.failed();
    REQUIRE(backoff.begin(now));
    CHECK(backoff.is_over(now + Millis(10'000)));
    backoff.succeeded();
    CHECK_FALSE(backoff.begin(now));
    backoff.failed();
    REQUIRE(backoff.begin(now));
    CHECK(backoff.is_over(now + Millis(100)));
}

TEST_CASE("the same failure is logged once a minute, another one at once", "[instance_backoff]") {
    InstanceBackoff backoff;
    const Instant now(100'000);
    CHECK(backoff.is_news("refused", now));
    CHECK_FALSE(backoff.is_news("refused", now + Millis(59'999)));
    CHECK(backoff.is_news("refused", now + Millis(60'000)));
    CHECK(backoff.is_news("no such host", now + Millis(60'001)));
    CHECK(backoff.is_news("refused", now + Millis(60'002)));
}

// When the next child may start.
#include "handlers/restart_backoff.hpp"

#include <catch2/catch.hpp>

using std::chrono::milliseconds;
using volley::handlers::RestartBackoff;

TEST_CASE("children that are of no use start ever later, up to ten seconds", "[restart_backoff]") {
    RestartBackoff backoff;
    RestartBackoff::Clock::time_point now{std::chrono::hours(1)};
    CHECK(backoff.not_before() <= now);
    for (const int expected : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
        backoff.child_ended(false, now);
        CHECK(backoff.not_before() == now + milliseconds(expected));
        now = backoff.not_before();
    }
}

TEST_CASE("a child that was of use is replaced at once, and the delays begin anew", "[restart_backoff]") {
    RestartBackoff backoff;
    const RestartBackoff::Clock::time_point now{std::chrono::hours(1)};
    backoff.child_ended(false, now);
    backoff.child_ended(false, now);
    SECTION("it was when it ended") { backoff.child_ended(true, now); }
    SECTION("it was when it answered") {
        backoff.reset();
        backoff.child_ended(true, now);
    }
    CHECK(backoff.not_before() == now);
    backoff.child_ended(false, now);
    CHECK(backoff.not_before() == now + milliseconds(100));
}

// Which failures of a repeated call are logged, and how long the next attempt waits.
#include <catch2/catch.hpp>

#include "runtime/outage_log.hpp"
#include "runtime/store_backoff.hpp"

using namespace volley::runtime;
using namespace std::chrono_literals;

TEST_CASE("the first failure is news, and the same cause again is not", "[outage]") {
    OutageLog log;
    CHECK(log.is_news("away", 1000ms));
    CHECK_FALSE(log.is_news("away", 1001ms));
    CHECK_FALSE(log.is_news("away", 60'999ms));
}

TEST_CASE("a cause that stays is news once a minute", "[outage]") {
    OutageLog log;
    log.is_news("away", 1000ms);
    CHECK(log.is_news("away", 61'000ms));
    CHECK_FALSE(log.is_news("away", 61'001ms));
    CHECK(log.is_news("away", 121'000ms));
}

TEST_CASE("another cause is news, but not more than twice a second", "[outage]") {
    OutageLog log;
    log.is_news("away", 1000ms);
    CHECK_FALSE(log.is_news("refused", 1499ms));
    CHECK(log.is_news("refused", 1500ms));
    CHECK_FALSE(log.is_news("away", 1600ms));
    CHECK_FALSE(log.is_news("refused", 2500ms));
    CHECK(log.is_news("away", 2600ms));
}

TEST_CASE("a success ends the outage, and the next failure is a first one", "[outage]") {
    OutageLog log;
    CHECK_FALSE(log.succeeded());
    log.is_news("away", 1000ms);
    log.is_news("away", 1001ms);
    CHECK(log.failures() == 2);
    CHECK(log.succeeded());
    CHECK(log.failures() == 0);
    CHECK_FALSE(log.succeeded());
    CHECK(log.is_news("away", 1002ms));
}

TEST_CASE("the backoff of a store doubles up to five seconds, with half of it jitter", "[outage]") {
    StoreBackoff backoff;
    for (int again = 0; again < 100; ++again) {
        CHECK(backoff.after(1) >= 50ms);
        CHECK(backoff.after(1) <= 100ms);
        CHECK(backoff.after(4) >= 400ms);
        CHECK(backoff.after(4) <= 800ms);
        for (const std::uint32_t failures : {10U, 31U, 1U << 31U}) {
            CHECK(backoff.after(failures) >= 2500ms);
            CHECK(backoff.after(failures) <= 5000ms);
        }
    }
}

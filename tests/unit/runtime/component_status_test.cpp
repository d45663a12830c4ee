// The state that a component shows to other threads.
#include "runtime/component_status.hpp"

#include <catch2/catch.hpp>

using namespace volley;
using runtime::ComponentStatus;

TEST_CASE("of several failures the first is kept", "[status]") {
    ComponentStatus status;
    CHECK_FALSE(status.has_failed());
    CHECK(status.fail(Error(ErrorCode::fenced, "another has our place")));
    CHECK_FALSE(status.fail(Error(ErrorCode::fatal, "and then the rest")));
    REQUIRE(status.failure());
    CHECK(status.failure()->code == ErrorCode::fenced);
    CHECK(status.failure()->text == "another has our place");
}

TEST_CASE("a consumer is down from the moment it says so until it says otherwise", "[status]") {
    ComponentStatus status;
    CHECK(status.down().empty());
    status.set_health(VOLLEY_DEGRADED, "slow");
    CHECK(status.down().empty());
    status.set_health(VOLLEY_DOWN, "no broker");
    CHECK(status.down() == "no broker");
    status.set_health(VOLLEY_DOWN, "");
    CHECK(status.down() == "the input is down");
    status.set_health(VOLLEY_UP, "");
    CHECK(status.down().empty());
}

// What others see of a handler: whether there is an instance, and whether it takes messages.
#include "runtime/handler_health.hpp"

#include <catch2/catch.hpp>

using volley::runtime::HandlerHealth;

TEST_CASE("a handler has a problem until an instance is made", "[handler_health]") {
    HandlerHealth health;
    CHECK_FALSE(health.has_problem());
    health.failed("no such queue");
    CHECK(health.has_problem());
    CHECK(health.problem() == "no such queue");
    health.made();
    CHECK_FALSE(health.has_problem());
    CHECK(health.problem().empty());
}

TEST_CASE("an instance counts as a restart if it replaces another", "[handler_health]") {
    HandlerHealth health;
    health.failed("not yet");
    health.made();
    CHECK(health.restarts() == 0);
    health.failed("it is done for");
    CHECK(health.restarts() == 0);
    health.made();
    CHECK(health.restarts() == 1);
}

TEST_CASE("a problem is an outage only while messages wait for the next instance", "[handler_health]") {
    HandlerHealth health;
    health.failed("it is done for");
    CHECK(health.outage().empty());  // the next is made at once
    health.set_waiting(true);
    CHECK(health.outage() == "it is done for");
    health.set_waiting(false);
    CHECK(health.outage().empty());
}

TEST_CASE("what the handler says of itself comes first", "[handler_health]") {
    HandlerHealth health;
    health.made();
    health.set_down("the database is down");
    CHECK(health.outage() == "the database is down");
    CHECK_FALSE(health.has_problem());
    health.failed("it is done for");
    health.set_waiting(true);
    CHECK(health.outage() == "the database is down");
    health.set_down({});
    CHECK(health.outage() == "it is done for");
}

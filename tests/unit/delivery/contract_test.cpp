// A call that breaks the contract ends the process, because a wrong ack would lose a message.
#include "core.hpp"
#include "support/stops.hpp"

using namespace volley::delivery;
using volley::test::stops;

TEST_CASE("a call in the wrong state ends the process", "[contract]") {
    Core core({});
    const Slot a = core.receive();
    CHECK(stops([&] { core.ok(a); }));  // has not started
    core.start();
    CHECK(stops([&] { core.delivery.dead_letter_confirmed(a); }));
    CHECK(stops([&] { core.delivery.transacted(a); }));
    CHECK(stops([&] { core.delivery.settled(a, false); }));
    CHECK(stops([&] { core.delivery.end_reports(); }));
    CHECK_FALSE(stops([&] { core.ok(a); }));
}

TEST_CASE("a repeated call ends the process", "[contract]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a);
    CHECK(stops([&] { core.ok(a); }));
    core.settle();
    CHECK(stops([&] { core.delivery.settled(a, false); }));
    core.receive();
    core.delivery.end_lane(0);
    CHECK(stops([&] { core.delivery.end_lane(0); }));
}

TEST_CASE("more reports than outputs end the process", "[contract]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.confirm(a, 0);
    core.confirm(a, 1);
    CHECK(stops([&] { core.ok(a, 1); }));
}

// Partitions are revoked and assigned again: unfinished messages are released, and the old assignment does
// not affect the new one.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

TEST_CASE("waiting messages of a revoked lane are released, not acked", "[lanes]") {
    Core core({});
    const Slot a = core.receive();
    const Slot b = core.receive();
    CHECK(core.start() == Slots{a});
    core.delivery.revoke(0);
    CHECK(core.settle() == Settled{.released = {b}});
    CHECK(core.delivery.counters().released_by_revocation == 1);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("running messages of a revoked lane are finished and committed", "[lanes]") {
    Core core({.log = true, .order = Order::none});
    const Slot a = core.receive(at(0));
    core.start();
    core.delivery.revoke(0);
    CHECK_FALSE(core.delivery.is_drained(0));
    core.ok(a, 1);
    CHECK_FALSE(core.delivery.is_drained(0));
    core.confirm(a);
    CHECK(core.delivery.is_drained(0));
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.committed() == 1);
}

TEST_CASE("a failed output of a revoked lane is sent again", "[lanes]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    core.refuse(a);
    core.delivery.revoke(0);
    core.advance_to_due();
    CHECK(core.take(Step::send_again) == Slots{a});
    core.confirm(a);
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("a revoked lane of a log receives no more messages", "[lanes]") {
    Core core({.log = true});
    core.delivery.revoke(0);
    CHECK(core.receive(at(0)) == no_slot);
    CHECK(core.delivery.is_idle());
}

TEST_CASE("a revocation leaves the other lanes alone", "[lanes]") {
    Core core({.log = true});
    const Lane other = core.delivery.open_lane();
    core.receive(at(0));
    const Slot b = core.receive(at(0, other));
    core.delivery.revoke(0);
    CHECK(core.delivery.is_drained(0));
    CHECK(core.start() == Slots{b});
    core.ok(b);
    CHECK(core.committed(other) == 1);
}

TEST_CASE("a failure in a revoked lane is not counted, and its message is released", "[lanes]") {
    Core core({.max_attempts = 1, .on_exhausted = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.delivery.revoke(0);
    core.retry(a);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.counters().failures[0] == 0);
}

TEST_CASE("a failed message that holds back the commit of a revoked lane gets one more attempt", "[lanes]") {
    Core core({.log = true, .order = Order::none});
    const Slot a = core.receive(at(0));
    const Slot b = core.receive(at(1));
    core.start();
    core.ok(b);
    core.retry(a);
    core.delivery.revoke(0);
    CHECK_FALSE(core.delivery.is_drained(0));
    CHECK(core.start() == Slots{a});
    core.ok(a);
    CHECK(core.delivery.is_drained(0));
    CHECK(core.committed() == 2);
}

TEST_CASE("open messages of an ended lane are released, whatever their result", "[lanes]") {
    Core core({.log = true, .order = Order::none, .on_permanent = FailureAction::dead_letter});
    const Slot good = core.receive(at(0));
    const Slot bad = core.receive(at(1));
    const Slot late = core.receive(at(2));
    const Slot unsent = core.receive(at(3));
    core.start();
    core.ok(unsent, 1);
    core.delivery.end_lane(0);
    CHECK(core.settle() == Settled{});
    core.ok(good);
    core.fail(bad);
    core.retry(late);
    core.refuse(unsent);
    CHECK(core.settle() == Settled{.released = {good, bad, late, unsent}});
    CHECK(core.committed() == -1);
    CHECK(core.delivery.is_idle());
    CHECK(core.delivery.counters().released_by_revocation == 4);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("nothing is committed for an ended lane", "[lanes]") {
    Core core({.log = true, .order = Order::none});
    const Slot a = core.receive(at(0));
    core.start();
    core.ok(a);
    core.delivery.end_lane(0);
    CHECK(core.committed() == -1);
    core.delivery.commit_again(0);
    CHECK(core.committed() == -1);
}

TEST_CASE("messages in backoff in an ended lane are released at once", "[lanes]") {
    Core core({.log = true, .order = Order::none});
    const Slot a = core.receive(at(0));
    const Slot b = core.receive(at(1));
    core.start();
    core.ok(b);
    core.retry(a);
    core.delivery.end_lane(0);
    CHECK(core.start().empty());
    CHECK(core.settle() == Settled{.acked = {b}, .released = {a}});
}

TEST_CASE("an ended lane receives no more messages", "[lanes]") {
    Core core({.log = true});
    core.receive(at(0));
    core.start();
    core.delivery.end_lane(0);
    CHECK(core.receive(at(1)) == no_slot);
}

TEST_CASE("a failed output of an ended lane is not sent again", "[lanes]") {
    Core core({.order = Order::none});
    const Slot waits = core.receive();
    const Slot due = core.receive();
    core.start();
    core.ok(due, 1);
    core.refuse(due);
    core.advance_to_due();
    core.ok(waits, 1);
    core.refuse(waits);
    core.delivery.end_lane(0);
    CHECK(core.settle() == Settled{.released = {waits}});
    CHECK(core.items().empty());
    CHECK(core.settle() == Settled{.released = {due}});
}

TEST_CASE("a dead letter of an ended lane is not produced", "[lanes]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.fail(a);
    core.delivery.end_lane(0);
    CHECK(core.items().empty());
    CHECK(core.settle() == Settled{.released = {a}});
}

TEST_CASE("a settlement of the old assignment does not affect the new one", "[lanes]") {
    Core core({.log = true, .order = Order::none});
    const Slot old = core.receive(at(5));
    core.start();
    core.delivery.end_lane(0);
    const Lane again = core.delivery.open_lane();
    CHECK(again != 0);  // the number is in use as long as a message of the lane is open
    const Slot fresh = core.receive(at(5, again));
    REQUIRE(fresh != no_slot);
    CHECK(fresh != old);
    core.ok(old);
    CHECK(core.settle() == Settled{.released = {old}});
    CHECK(core.committed(again) == -1);
    CHECK(core.start() == Slots{fresh});
    core.ok(fresh);
    CHECK(core.settle() == Settled{.acked = {fresh}});
    CHECK(core.committed(again) == 6);
}

TEST_CASE("the number of a lane without open messages is reused, and its offsets start again", "[lanes]") {
    Core core({.log = true});
    const Slot a = core.receive(at(5));
    core.start();
    core.ok(a);
    CHECK(core.committed() == 6);
    core.settle();
    core.delivery.revoke(0);
    core.delivery.end_lane(0);
    REQUIRE(core.delivery.open_lane() == 0);
    core.commits.clear();
    CHECK(core.committed() == -1);
    const Slot b = core.receive(at(2));
    CHECK(core.start() == Slots{b});
    core.ok(b);
    CHECK(core.committed() == 3);
}

TEST_CASE("an offset that was not taken for an ended lane is not committed for the next lane of that number",
          "[lanes]") {
    Core core({.log = true});
    const Slot a = core.receive(at(5));
    core.start();
    core.ok(a);
    core.settle();
    core.delivery.end_lane(0);
    CHECK(core.delivery.open_lane() == 1);  // 0 is free when its commit was taken
    CHECK(core.committed() == -1);
    CHECK(core.delivery.open_lane() == 0);
}

TEST_CASE("a failed commit of an ended lane is not repeated, and its number is reused only once", "[lanes]") {
    Core core({.log = true});
    core.delivery.end_lane(0);
    core.delivery.commit_again(0);
    CHECK(core.committed() == -1);
    CHECK(core.delivery.open_lane() == 0);
    CHECK(core.delivery.open_lane() == 1);
}

TEST_CASE("a key that was closed in an ended lane starts in the next lane of that number", "[lanes]") {
    Core core({.log = true, .order = Order::key});
    core.receive(of_key(1, 0));
    core.receive(of_key(1, 1));
    core.delivery.revoke(0);
    core.settle();
    core.delivery.end_lane(0);
    REQUIRE(core.delivery.open_lane() == 0);
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(1, 1));
    CHECK(core.start() == Slots{a});
    core.ok(a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("a message whose lease is lost is released, whatever its result", "[lanes]") {
    Core core({.order = Order::none});
    const Slot running = core.receive();
    core.start();
    const Slot waiting = core.receive();
    core.delivery.lose(running);
    core.delivery.lose(waiting);
    CHECK(core.settle() == Settled{.released = {waiting}});
    core.ok(running, 1);
    CHECK(core.settle() == Settled{});
    core.confirm(running);
    CHECK(core.settle() == Settled{.released = {running}});
    CHECK(core.delivery.counters().released_by_lease == 2);
    CHECK(core.delivery.counters().possible_duplicates == 1);
    CHECK(is_balanced(core.delivery.counters()));
}

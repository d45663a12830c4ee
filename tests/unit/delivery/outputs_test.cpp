// A message is acked only when all of its outputs are confirmed. Only failed outputs are sent again.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

TEST_CASE("a message without outputs is acked when it is handled", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    CHECK(core.start() == Slots{a});
    CHECK(core.settle() == Settled{});
    core.ok(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().done == 1);
    CHECK(core.delivery.is_idle());
}

TEST_CASE("a message is acked only after all its outputs are confirmed", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 3);
    CHECK(core.confirm(a, 2));
    CHECK(core.confirm(a, 0));
    CHECK(core.settle() == Settled{});
    CHECK(core.confirm(a, 1));
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("reports that come before the worker returns count", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    CHECK(core.confirm(a, 0));
    CHECK(core.confirm(a, 1));
    CHECK(core.settle() == Settled{});
    core.ok(a, 2);
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("a message that its handler drops is acked and counted separately", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.delivery.handled(a, Verdict::drop, 0, 0, Millis(0), 0, core.now);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().dropped == 1);
    CHECK(core.delivery.counters().done == 0);
}

TEST_CASE("an output that is confirmed twice counts once", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 2);
    CHECK(core.confirm(a, 0));
    CHECK_FALSE(core.confirm(a, 0));
    CHECK(core.settle() == Settled{});
    CHECK(core.confirm(a, 1));
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("a second report of any of the first 32 outputs is detected", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 33);
    for (std::uint32_t output = 0; output < 32; ++output) {
        CHECK(core.confirm(a, output));
        CHECK_FALSE(core.confirm(a, output));
        CHECK_FALSE(core.refuse(a, output));
    }
    CHECK(core.settle() == Settled{});
    CHECK(core.confirm(a, 32));
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("a failed output that is then confirmed without being sent again does not count", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 2);
    CHECK(core.refuse(a, 0));
    CHECK_FALSE(core.confirm(a, 0));
    CHECK(core.confirm(a, 1));
    CHECK(core.settle() == Settled{});
    CHECK(core.delivery.entry(a).outputs_left == 1);
}

TEST_CASE("a report of another life of the slot is ignored", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    const std::uint16_t old_life = core.delivery.entry(a).life;
    core.start();
    core.ok(a, 1);
    core.confirm(a);
    core.settle();

    const Slot b = core.receive();
    REQUIRE(b == a);
    core.start();
    core.ok(b, 1);
    CHECK_FALSE(core.delivery.is_awaited(b, old_life, false));
    CHECK_FALSE(core.delivery.confirmed(b, old_life, 0, core.now));
    CHECK(core.settle() == Settled{});
    CHECK(core.confirm(b));
    CHECK(core.settle() == Settled{.acked = {b}});
}

TEST_CASE("no report is awaited for a message that no producer has", "[outputs]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    const std::uint16_t life = core.delivery.entry(a).life;
    CHECK_FALSE(core.confirm(a));  // waiting
    core.start();
    CHECK_FALSE(core.delivery.is_awaited(a, life, true));
    core.fail(a);
    core.take(Step::dead_letter);
    CHECK_FALSE(core.confirm(a));  // only the dead letter is in flight
    CHECK_FALSE(core.delivery.is_awaited(a, life, true));
    CHECK(core.delivery.is_awaited(a, static_cast<std::uint16_t>(life + 1), true));
    core.delivery.dead_letter_confirmed(a);
    CHECK_FALSE(core.confirm(a));  // finished
    CHECK_FALSE(core.delivery.is_awaited(a + 1, 1, false));
    CHECK_FALSE(core.delivery.confirmed(no_slot, 1, 0, core.now));
}

TEST_CASE("a failed output is sent again alone and without the handler", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 3);
    core.confirm(a, 0);
    core.refuse(a, 1);
    core.confirm(a, 2);
    CHECK(core.items().empty());
    core.advance_to_due();
    const std::vector<WorkItem> items = core.items();
    REQUIRE(items.size() == 1);
    CHECK(items[0].step == Step::send_again);
    CHECK(items[0].attempt == 1);
    CHECK_FALSE(core.confirm(a, 0));  // it is stored
    CHECK(core.settle() == Settled{});
    CHECK(core.confirm(a, 1));
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().retries == 0);
}

TEST_CASE("a report of an earlier sending is ignored", "[outputs]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    const std::uint16_t first = core.delivery.entry(a).life;
    core.ok(a, 1);
    core.refuse(a, 0);
    core.advance_to_due();
    core.take(Step::send_again);
    CHECK_FALSE(core.delivery.confirmed(a, first, 0, core.now));
    CHECK(core.settle() == Settled{});
    core.delivery.send_failed(a, 0, SendFailure::permanent, 0, core.now);
    core.take(Step::dead_letter);
    const std::uint16_t letter = core.delivery.entry(a).life;
    core.delivery.dead_letter_failed(a, SendFailure::transient, core.now);
    core.advance_to_due();
    core.take(Step::dead_letter);
    CHECK_FALSE(core.delivery.is_awaited(a, letter, true));
    CHECK(core.settle() == Settled{});
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("only outputs that fail once more are sent a third time", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 2);
    core.refuse(a, 0);
    core.refuse(a, 1);
    core.advance_to_due();
    core.take(Step::send_again);
    CHECK(core.confirm(a, 0));
    CHECK(core.refuse(a, 1));
    core.advance_to_due();
    CHECK(core.take(Step::send_again) == Slots{a});
    CHECK_FALSE(core.confirm(a, 0));
    CHECK(core.confirm(a, 1));
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("a failed output waits for the reports of the others", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 2);
    core.refuse(a, 0);
    CHECK(core.delivery.next_due() == never);
    core.confirm(a, 1);
    CHECK(core.delivery.next_due() != never);
}

TEST_CASE("an output is sent again soon and without a limit, and no attempt is counted", "[outputs]") {
    Core core({.max_attempts = 2, .max_delay = Millis(3'600'000), .on_exhausted = FailureAction::drop});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    for (int i = 0; i < 50; ++i) {
        CHECK(core.refuse(a));
        CHECK(core.delivery.next_due() > core.now);
        CHECK(core.delivery.next_due() <= core.now + Millis(2000));
        core.advance_to_due();
        CHECK(core.take(Step::send_again) == Slots{a});
    }
    CHECK(core.settle() == Settled{});
    CHECK(core.confirm(a));
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.entry(a).attempt == 1);
}

TEST_CASE("an output that may be stored counts as a possible duplicate and is sent again", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    core.refuse(a, 0, SendFailure::unknown);
    CHECK(core.delivery.counters().possible_duplicates == 1);
    core.advance_to_due();
    CHECK(core.take(Step::send_again) == Slots{a});
}

TEST_CASE("an output that can never be sent fails its message, once the others are stored", "[outputs]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 3);
    core.refuse(a, 0, SendFailure::permanent);
    core.refuse(a, 1);
    core.confirm(a, 2);
    core.advance_to_due();
    CHECK(core.take(Step::send_again) == Slots{a});
    core.confirm(a, 1);
    CHECK(core.take(Step::dead_letter) == Slots{a});
    CHECK(core.settle() == Settled{});
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().dead == 1);
    CHECK(core.delivery.counters().done == 0);
}

TEST_CASE("a message that fails through an output is counted by the reason of that output", "[outputs]") {
    Core core({.on_permanent = FailureAction::drop});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    core.delivery.send_failed(a, 0, SendFailure::permanent, 4, core.now);
    CHECK(core.delivery.counters().failures[4] == 1);
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("a report of an output that the message does not have is detected", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.confirm(a, 0);
    core.confirm(a, 2);
    CHECK(core.delivery.has_false_reports(a, 0));
    CHECK(core.delivery.has_false_reports(a, 2));
    CHECK_FALSE(core.delivery.has_false_reports(a, 3));
}

TEST_CASE("a message with false reports is released", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.confirm(a, 7);
    core.delivery.disown(a, 0, 0, core.now);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.is_idle());
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("a message with false reports is not released while a producer has its outputs", "[outputs]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.confirm(a, 7);
    core.confirm(a, 1);
    core.delivery.disown(a, 4, 0b0001, core.now);
    CHECK(core.settle() == Settled{});
    core.confirm(a, 2);
    CHECK(core.settle() == Settled{});
    core.delivery.send_failed(a, 3, SendFailure::transient, 0, core.now);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.is_idle());
    CHECK(is_balanced(core.delivery.counters()));
}

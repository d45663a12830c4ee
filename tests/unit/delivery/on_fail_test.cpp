// What happens to a message that has used up its attempts, or that failed for good, and to its dead letter.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

// Uses up the only attempt of a message.
Slot exhaust(Core& core) {
    const Slot slot = core.receive();
    REQUIRE(core.start() == Slots{slot});
    core.retry(slot);
    return slot;
}

// Fails a message for good.
Slot fail_for_good(Core& core) {
    const Slot slot = core.receive();
    REQUIRE(core.start() == Slots{slot});
    core.fail(slot);
    return slot;
}

}  // namespace

TEST_CASE("a dead letter is produced, and its message is acked when it is confirmed", "[on_fail]") {
    Core core({.max_attempts = 1, .on_exhausted = FailureAction::dead_letter});
    const Slot a = exhaust(core);
    CHECK(core.settle() == Settled{});
    CHECK(core.take(Step::dead_letter) == Slots{a});
    CHECK(core.settle() == Settled{});
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().dead == 1);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("a dead letter that its queue does not accept now is sent again, soon and without a limit",
          "[on_fail]") {
    Core core(
        {.max_attempts = 1, .max_delay = Millis(3'600'000), .on_exhausted = FailureAction::dead_letter});
    const Slot a = exhaust(core);
    for (int i = 0; i < 20; ++i) {
        CHECK(core.take(Step::dead_letter) == Slots{a});
        core.delivery.dead_letter_failed(a, SendFailure::transient, core.now);
        CHECK(core.settle() == Settled{});
        CHECK(core.delivery.dead_letters_waiting() == 1);
        CHECK(core.delivery.next_due() <= core.now + Millis(2000));
        core.advance_to_due();
    }
    core.take(Step::dead_letter);
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.dead_letters_waiting() == 0);
    CHECK(core.delivery.entry(a).attempt == 1);
}

TEST_CASE("outputs that were sent again do not count as waiting dead letters", "[on_fail]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    core.refuse(a);
    core.advance_to_due();
    core.take(Step::send_again);
    core.refuse(a, 0, SendFailure::permanent);
    core.take(Step::dead_letter);
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.delivery.dead_letters_waiting() == 0);
}

TEST_CASE("a dead letter that may be stored counts as a possible duplicate", "[on_fail]") {
    Core core({.max_attempts = 1, .on_exhausted = FailureAction::dead_letter});
    const Slot a = exhaust(core);
    core.take(Step::dead_letter);
    core.delivery.dead_letter_failed(a, SendFailure::unknown, core.now);
    CHECK(core.delivery.counters().possible_duplicates == 1);
    CHECK_FALSE(core.delivery.failed());
}

TEST_CASE("a dead letter that is refused for good stops the component, and its message is released",
          "[on_fail]") {
    Core core({.max_attempts = 1, .on_exhausted = FailureAction::dead_letter});
    const Slot a = exhaust(core);
    const Slot b = core.receive();
    core.items(0, 1);
    core.delivery.dead_letter_failed(a, SendFailure::permanent, core.now);
    CHECK(core.delivery.failed());
    CHECK(core.delivery.failed_slot() == a);
    CHECK_FALSE(core.delivery.wants_messages());
    CHECK(core.settle() == Settled{.released = {a, b}});
    CHECK(core.delivery.is_idle());
}

TEST_CASE("requeue nacks the message with the delay max_delay", "[on_fail]") {
    Core core({.max_attempts = 1, .max_delay = Millis(700), .on_exhausted = FailureAction::requeue});
    exhaust(core);
    std::vector<Settlement> settlements;
    core.delivery.take_settlements(settlements);
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].kind == SettlementKind::nack);
    CHECK(settlements[0].delay == Millis(700));
    CHECK(core.delivery.counters().requeued == 1);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("drop acks the message and counts it as dropped", "[on_fail]") {
    Core core({.max_attempts = 1, .on_exhausted = FailureAction::drop});
    const Slot a = exhaust(core);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().dropped == 1);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("stop releases the message and stops the component", "[on_fail]") {
    Core core({.order = Order::none, .max_attempts = 1, .on_exhausted = FailureAction::stop});
    const Slot a = core.receive();
    const Slot running = core.receive();
    CHECK(core.start(0, 2) == Slots{a, running});
    const Slot waiting = core.receive();
    core.retry(a);
    CHECK(core.delivery.failed());
    CHECK(core.delivery.failed_slot() == a);
    CHECK(core.settle() == Settled{.released = {a, waiting}});
    CHECK_FALSE(core.delivery.is_idle());
    core.ok(running);
    CHECK(core.settle() == Settled{.acked = {running}});
    CHECK(core.delivery.is_idle());
}

TEST_CASE("the failed slot is that of the first message that failed", "[on_fail]") {
    Core core({.order = Order::none, .on_permanent = FailureAction::stop});
    const Slot a = core.receive();
    const Slot b = core.receive();
    core.start();
    core.fail(b);
    core.fail(a);
    CHECK(core.delivery.failed_slot() == b);
    CHECK(core.settle() == Settled{.released = {b, a}});
}

TEST_CASE("keep_trying retries in place every max_delay, and counts the message as exhausted", "[on_fail]") {
    Core core({.max_attempts = 1, .max_delay = Millis(1000), .on_exhausted = FailureAction::keep_trying});
    const Slot a = exhaust(core);
    for (int i = 0; i < 20; ++i) {
        CHECK(core.delivery.exhausted() == 1);
        CHECK(core.delivery.next_due() == core.now + Millis(1000));
        core.advance_to_due();
        CHECK(core.start() == Slots{a});
        core.retry(a);
    }
    CHECK(core.settle() == Settled{});
    core.advance_to_due();
    core.start();
    core.ok(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.exhausted() == 0);
}

TEST_CASE("a message that failed for good gets no further attempt", "[on_fail]") {
    Core core(
        {.max_attempts = 5, .on_exhausted = FailureAction::stop, .on_permanent = FailureAction::dead_letter});
    const Slot a = fail_for_good(core);
    CHECK(core.take(Step::dead_letter) == Slots{a});
    CHECK(core.delivery.counters().retries == 0);
    CHECK(core.delivery.counters().failures[0] == 1);
}

TEST_CASE("every failure action is possible for a message that failed for good", "[on_fail]") {
    SECTION("requeue") {
        Core core({.on_permanent = FailureAction::requeue});
        const Slot a = fail_for_good(core);
        CHECK(core.settle() == Settled{.nacked = {a}});
    }
    SECTION("drop") {
        Core core({.on_permanent = FailureAction::drop});
        const Slot a = fail_for_good(core);
        CHECK(core.settle() == Settled{.acked = {a}});
    }
    SECTION("stop") {
        Core core({.on_permanent = FailureAction::stop});
        const Slot a = fail_for_good(core);
        CHECK(core.settle() == Settled{.released = {a}});
        CHECK(core.delivery.failed());
    }
    SECTION("keep trying") {
        Core core({.max_delay = Millis(1000), .on_permanent = FailureAction::keep_trying});
        const Slot a = fail_for_good(core);
        CHECK(core.settle() == Settled{});
        CHECK(core.delivery.next_due() == core.now + Millis(1000));
        core.advance_to_due();
        CHECK(core.start() == Slots{a});
    }
}

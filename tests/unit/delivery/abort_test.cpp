// An abort releases each message as soon as no worker and no producer has it.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

TEST_CASE("an abort releases waiting messages at once, and others when workers and producers return them",
          "[abort]") {
    Core core({.order = Order::none});
    const Slot running = core.receive();
    const Slot sending = core.receive();
    core.start();
    core.ok(sending, 1);
    const Slot waiting = core.receive();
    core.delivery.abort();
    CHECK(core.settle() == Settled{.released = {waiting}});
    core.ok(running);
    core.confirm(sending);
    CHECK(core.settle() == Settled{.released = {running, sending}});
    CHECK(core.delivery.counters().released_by_stop == 3);
    CHECK(core.delivery.counters().possible_duplicates == 1);  // a sent output may be stored
    CHECK(core.delivery.is_idle());
}

TEST_CASE("an abort sends no output again, and no dead letter", "[abort]") {
    Core core({.order = Order::none, .on_permanent = FailureAction::dead_letter});
    const Slot waits = core.receive();
    const Slot queued = core.receive();
    const Slot dead = core.receive();
    core.start();
    core.ok(queued, 1);
    core.refuse(queued);
    core.advance_to_due();
    core.ok(waits, 1);
    core.refuse(waits);
    core.fail(dead);
    core.delivery.abort();
    CHECK(core.settle() == Settled{.released = {waits, queued, dead}});
    CHECK(core.items().empty());
    CHECK(core.delivery.is_idle());
}

TEST_CASE("a message whose dead letter fails during an abort is released, and the component does not fail",
          "[abort]") {
    const SendFailure failure = GENERATE(SendFailure::transient, SendFailure::permanent);
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.fail(a);
    core.take(Step::dead_letter);
    core.delivery.abort();
    core.delivery.dead_letter_failed(a, failure, core.now);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK_FALSE(core.delivery.failed());
}

TEST_CASE("a message whose dead letter waits for its queue is released by an abort", "[abort]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.fail(a);
    core.take(Step::dead_letter);
    core.delivery.dead_letter_failed(a, SendFailure::transient, core.now);
    core.delivery.abort();
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.dead_letters_waiting() == 0);
}

TEST_CASE("a message that is released after an output may have been stored is a possible duplicate",
          "[abort]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    core.refuse(a, 0, SendFailure::unknown);
    CHECK(core.delivery.counters().possible_duplicates == 1);
    core.delivery.abort();
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.counters().possible_duplicates == 2);
}

TEST_CASE("a message whose dead letter is in flight at an abort is released, even if it is confirmed",
          "[abort]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.fail(a);
    core.take(Step::dead_letter);
    core.delivery.abort();
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.counters().dead == 0);
}

TEST_CASE("messages without reports at the end are released, and count as possible duplicates", "[abort]") {
    Core core({.order = Order::none, .on_permanent = FailureAction::dead_letter});
    const Slot sending = core.receive();
    const Slot dead = core.receive();
    core.start();
    core.ok(sending, 1);
    core.fail(dead);
    core.take(Step::dead_letter);
    core.delivery.abort();
    CHECK(core.settle() == Settled{});
    core.delivery.end_reports();
    CHECK(core.settle() == Settled{.released = {sending, dead}});
    CHECK(core.delivery.counters().possible_duplicates == 1);
    CHECK(core.delivery.is_idle());
    CHECK_FALSE(core.confirm(sending));
}

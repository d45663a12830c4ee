// A stop never fails a message: running messages are finished, and the others are released.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

const Options keyed_log{.log = true, .order = Order::key};

// A log on which offset 0, with key 1, is in backoff, and offset 1, with key 2, is done.
struct Hole {
    explicit Hole(const Options& options = keyed_log) : core(options) {
        waiting = core.receive(of_key(1, 0));
        done = core.receive(of_key(2, 1));
        REQUIRE(core.start() == Slots{waiting, done});
        core.ok(done);
        core.retry(waiting);
        core.settle();
    }
    Core core;
    Slot waiting = no_slot;
    Slot done = no_slot;
};

}  // namespace

TEST_CASE("a stop releases messages that have not started", "[stop]") {
    Core core({});
    const Slot a = core.receive();
    const Slot b = core.receive();
    core.delivery.stop();
    CHECK_FALSE(core.delivery.wants_messages());
    CHECK(core.delivery.room() == 0);
    CHECK(core.start().empty());
    CHECK(core.settle() == Settled{.released = {a, b}});
    CHECK(core.delivery.counters().released_by_stop == 2);
    CHECK(core.delivery.is_idle());
    CHECK_FALSE(core.delivery.failed());
}

TEST_CASE("a stop finishes running messages and unconfirmed outputs", "[stop]") {
    Core core({.order = Order::none});
    const Slot running = core.receive();
    const Slot sending = core.receive();
    const Slot resending = core.receive();
    core.start();
    core.ok(sending, 1);
    core.ok(resending, 1);
    core.refuse(resending);
    core.delivery.stop();
    CHECK(core.settle() == Settled{});
    core.ok(running);
    core.confirm(sending);
    core.advance_to_due();
    CHECK(core.take(Step::send_again) == Slots{resending});
    core.confirm(resending);
    CHECK(core.settle() == Settled{.acked = {running, sending, resending}});
    CHECK(core.delivery.is_idle());
}

TEST_CASE("a stop finishes dead letters", "[stop]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.fail(a);
    core.delivery.stop();
    CHECK(core.take(Step::dead_letter) == Slots{a});
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("messages that are received after a stop are released", "[stop]") {
    Core core({});
    core.delivery.stop();
    const Slot a = core.receive();
    CHECK(core.start().empty());
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.counters().received == 1);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("an attempt that a stop cuts off is not counted, and its message is not given up", "[stop]") {
    Core core({.order = Order::none, .max_attempts = 1, .on_exhausted = FailureAction::dead_letter});
    const Slot failing = core.receive();
    const Slot untouched = core.receive();
    core.start();
    core.delivery.stop();
    core.retry(failing);
    core.give_back(untouched);
    CHECK(core.items().empty());
    CHECK(core.settle() == Settled{.released = {failing, untouched}});
    CHECK(core.delivery.counters().failures[0] == 0);
}

TEST_CASE("a message that fails for good during a stop is given up", "[stop]") {
    Core core({.on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive();
    core.start();
    core.delivery.stop();
    core.fail(a);
    CHECK(core.take(Step::dead_letter) == Slots{a});
}

TEST_CASE("a stop releases messages in backoff of a queue", "[stop]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.retry(a);
    core.delivery.stop();
    std::vector<Settlement> settlements;
    core.delivery.take_settlements(settlements);
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].kind == SettlementKind::release);
    core.advance(Millis(3'600'000));  // its timer is ignored
    CHECK(core.start().empty());
    CHECK(core.settle() == Settled{});
    core.delivery.settled(a, false);
    CHECK(core.delivery.is_idle());
}

TEST_CASE("at a stop, a message that holds back the commit of a log gets one more attempt at once",
          "[stop]") {
    Hole hole;
    hole.core.delivery.stop();
    CHECK(hole.core.start() == Slots{hole.waiting});
    hole.core.advance(Millis(3'600'000));  // the timer of its backoff is ignored
    hole.core.ok(hole.waiting);
    CHECK(hole.core.settle() == Settled{.acked = {hole.waiting}});
    CHECK(hole.core.committed() == 2);
    CHECK(hole.core.delivery.is_idle());
}

TEST_CASE("at a stop, a message gets only one more attempt", "[stop]") {
    Hole hole;
    hole.core.delivery.stop();
    CHECK(hole.core.start() == Slots{hole.waiting});
    hole.core.retry(hole.waiting);
    CHECK(hole.core.start().empty());
    CHECK(hole.core.settle() == Settled{.released = {hole.waiting}});
    CHECK(hole.core.committed() == -1);
    CHECK(hole.core.delivery.is_idle());
}

TEST_CASE("a message that fails first during a stop, and holds back the commit, gets one more attempt",
          "[stop]") {
    Core core(keyed_log);
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(2, 1));
    core.start();
    core.delivery.stop();
    core.ok(b);
    core.retry(a);
    CHECK(core.start() == Slots{a});
}

TEST_CASE("at a stop, a message that has used up its attempts gets no more", "[stop]") {
    Hole hole(
        {.log = true, .order = Order::key, .max_attempts = 1, .on_exhausted = FailureAction::keep_trying});
    hole.core.delivery.stop();
    CHECK(hole.core.start().empty());
    CHECK(hole.core.settle() == Settled{.released = {hole.waiting}});
    CHECK(hole.core.delivery.exhausted() == 0);
}

TEST_CASE("at a stop, a message gets no more attempt if none behind it has started", "[stop]") {
    Core core(keyed_log);
    const Slot a = core.receive(of_key(1, 0));
    core.start(0, 1);
    const Slot b = core.receive(of_key(2, 1));
    core.retry(a);
    core.delivery.stop();
    CHECK(core.settle() == Settled{.released = {a, b}});
}

TEST_CASE("a stop finishes waiting messages if one behind them has started", "[stop]") {
    Core core(keyed_log);
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(1, 1));
    const Slot c = core.receive(of_key(2, 2));
    CHECK(core.start() == Slots{a, c});
    core.delivery.stop();
    core.ok(a);
    CHECK(core.start() == Slots{b});
    core.ok(b);
    core.ok(c);
    CHECK(core.committed() == 3);
}

TEST_CASE("a retry at an earlier offset does not change which messages have started", "[stop]") {
    Core core(keyed_log);
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(1, 1));
    const Slot c = core.receive(of_key(2, 2));
    CHECK(core.start() == Slots{a, c});
    core.retry(a);
    core.advance_to_due();
    CHECK(core.start() == Slots{a});
    core.delivery.stop();
    core.ok(a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("a message that is returned during a stop starts again if it holds back the commit", "[stop]") {
    Core core(keyed_log);
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(2, 1));
    CHECK(core.start() == Slots{a, b});
    core.delivery.stop();
    core.give_back(a);
    core.give_back(b);
    CHECK(core.start() == Slots{a});
    CHECK(core.settle() == Settled{.released = {b}});
}

TEST_CASE("after a message that a stop released, nothing of its turn starts again", "[stop]") {
    const Order order = GENERATE(Order::partition, Order::key);
    Core core({.log = true, .order = order, .pipelined = true});
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(1, 1));
    const Slot c = core.receive(of_key(1, 2));
    CHECK(core.start() == Slots{a, b, c});
    core.delivery.stop();
    core.retry(a);
    core.give_back(b);
    core.give_back(c);
    CHECK(core.settle() == Settled{.released = {c}});
    CHECK(core.start() == Slots{a, b});
    core.retry(a);
    core.give_back(b);
    CHECK(core.start().empty());
    CHECK(core.settle() == Settled{.released = {a, b}});
    CHECK(core.delivery.is_idle());
}

TEST_CASE("after a message that a stop released, nothing of its key starts", "[stop]") {
    Core core(
        {.log = true, .order = Order::key, .max_attempts = 1, .on_exhausted = FailureAction::keep_trying});
    const Slot a = core.receive(of_key(1, 0));
    const Slot b = core.receive(of_key(1, 1));
    const Slot c = core.receive(of_key(2, 2));
    CHECK(core.start() == Slots{a, c});
    core.delivery.stop();
    core.retry(a);
    CHECK(core.start().empty());
    CHECK(core.settle() == Settled{.released = {a, b}});
    core.ok(c);
    CHECK(core.settle() == Settled{.acked = {c}});
    CHECK(core.committed() == -1);
    CHECK(core.delivery.is_idle());
}

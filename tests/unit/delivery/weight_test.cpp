// The number and bytes of messages in flight are limited, and return to zero.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

Options bounded(std::uint64_t bytes) { return {.order = Order::none, .max_in_flight_bytes = bytes}; }

Options with_letters(std::uint32_t letter_bytes) {
    return {.order = Order::none,
            .on_permanent = FailureAction::dead_letter,
            .max_in_flight_bytes = 1000,
            .letter_bytes = letter_bytes};
}

// Receives and fails messages without bytes, and returns them.
Slots fail_for_good(Core& core, int count) {
    Slots slots;
    for (int i = 0; i < count; ++i) slots.push_back(core.receive());
    REQUIRE(core.start() == slots);
    for (const Slot slot : slots) core.fail(slot);
    return slots;
}

}  // namespace

TEST_CASE("bytes of inputs and outputs count until the message is closed", "[weight]") {
    Core core(bounded(10'000));
    const Slot a = core.receive(of_size(100));
    CHECK(core.delivery.counters().in_flight_bytes == 100);
    core.start();
    core.delivery.grow(a, 50);
    CHECK(core.delivery.counters().in_flight_bytes == 150);
    core.ok(a, 1, 300);
    CHECK(core.delivery.counters().held_bytes == 300);
    core.confirm(a);
    CHECK(core.delivery.counters().held_bytes == 0);
    CHECK(core.delivery.counters().in_flight_bytes == 150);  // until the slot is free
    core.settle();
    CHECK(core.delivery.counters().in_flight_bytes == 0);
}

TEST_CASE("bytes return to zero, whatever the results of the messages", "[weight]") {
    Core core({.order = Order::none,
               .max_attempts = 1,
               .on_exhausted = FailureAction::requeue,
               .on_permanent = FailureAction::dead_letter,
               .letter_bytes = 10,
               .letter_copies = 2});
    const Slot done = core.receive(of_size(100));
    const Slot dead = core.receive(of_size(100));
    const Slot refused = core.receive(of_size(100));
    const Slot requeued = core.receive(of_size(100));
    const Slot aborted = core.receive(of_size(100));
    core.start();
    core.ok(done, 1, 10);
    core.confirm(done);
    core.fail(dead);
    core.ok(refused, 1, 10);
    core.refuse(refused, 0, SendFailure::permanent);
    core.retry(requeued);
    core.ok(aborted, 1, 10);
    CHECK(core.take(Step::dead_letter) == Slots{dead, refused});
    core.delivery.dead_letter_confirmed(dead);
    core.delivery.dead_letter_failed(refused, SendFailure::transient, core.now);
    const Slot waiting = core.receive(of_size(100));
    core.delivery.abort();
    core.confirm(aborted);
    CHECK(core.settle() ==
          Settled{.acked = {done, dead}, .nacked = {requeued}, .released = {waiting, refused, aborted}});
    CHECK(core.delivery.is_idle());
    CHECK(core.delivery.counters().held_bytes == 0);
    CHECK(core.delivery.counters().in_flight_bytes == 0);
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("on a log, bytes count until the window has passed the message", "[weight]") {
    Core core({.log = true, .order = Order::none});
    const Slot a = core.receive({.offset = 0, .bytes = 10});
    const Slot b = core.receive({.offset = 1, .bytes = 10});
    core.start();
    core.ok(b);
    core.settle();
    CHECK(core.delivery.counters().in_flight == 1);
    CHECK(core.delivery.counters().in_flight_bytes == 20);
    core.ok(a);
    core.settle();
    CHECK(core.delivery.counters().in_flight_bytes == 0);
}

TEST_CASE("no more messages are wanted than may be in flight", "[weight]") {
    Core core({.order = Order::none, .max_in_flight = 4});
    CHECK(core.delivery.room() == 4);
    core.receive();
    CHECK(core.delivery.room() == 3);
    for (int i = 0; i < 3; ++i) core.receive();
    CHECK(core.delivery.room() == 0);
    CHECK_FALSE(core.delivery.wants_messages());
}

TEST_CASE("a full core accepts messages again when it is half empty", "[weight]") {
    Core core({.order = Order::none, .max_in_flight = 4});
    for (int i = 0; i < 4; ++i) core.receive();
    const Slots slots = core.start();
    core.ok(slots[0]);
    core.settle();
    CHECK_FALSE(core.delivery.wants_messages());
    CHECK(core.delivery.room() == 0);
    core.ok(slots[1]);
    core.settle();
    CHECK(core.delivery.wants_messages());
    CHECK(core.delivery.room() == 2);
}

TEST_CASE("the bytes of inputs are bounded", "[weight]") {
    Core core(bounded(1000));
    CHECK(core.delivery.byte_room() == 1000);
    const Slot a = core.receive(of_size(400));
    const Slot b = core.receive(of_size(200));
    CHECK(core.delivery.byte_room() == 400);
    CHECK(core.delivery.wants_messages());
    core.start();
    core.delivery.grow(b, 400);
    CHECK_FALSE(core.delivery.wants_messages());
    CHECK(core.delivery.room() == 0);
    core.ok(a);
    core.settle();
    CHECK_FALSE(core.delivery.wants_messages());  // 600 are more than half
    core.ok(b);
    core.settle();
    CHECK(core.delivery.wants_messages());
}

TEST_CASE("there is always room for one message of any size", "[weight]") {
    Core core(bounded(1000));
    core.receive(of_size(5000));
    CHECK(core.delivery.byte_room() == 1);
}

TEST_CASE("outputs in memory count against the limit of the input", "[weight]") {
    Core core(bounded(1000));
    const Slot a = core.receive(of_size(100));
    core.start();
    core.ok(a, 1, 900);
    CHECK_FALSE(core.delivery.wants_messages());
    core.confirm(a);
    CHECK(core.delivery.wants_messages());
}

TEST_CASE("the expected size of outputs is that of earlier ones", "[weight]") {
    Core core(bounded(1000));
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1, 100);
    core.confirm(a);
    core.settle();
    CHECK(core.delivery.room() == 10);
    core.receive();
    CHECK(core.delivery.byte_room() == 900);
    CHECK(core.delivery.room() == 9);
}

TEST_CASE("the expected size of outputs follows a rise quickly and a fall slowly", "[weight]") {
    Core core(bounded(100'000));
    const auto handle = [&core](std::uint64_t held) {
        const Slot slot = core.receive();
        REQUIRE(core.start() == Slots{slot});
        core.ok(slot, 1, held);
        core.confirm(slot);
        core.settle();
    };
    handle(100);
    CHECK(core.delivery.room() == 1000);
    handle(900);
    CHECK(core.delivery.room() == 500);  // 200 bytes
    handle(0);
    CHECK(core.delivery.room() > 500);
    CHECK(core.delivery.room() < 520);
}

TEST_CASE("no handler starts while outputs fill the limit", "[weight]") {
    Core core(bounded(1000));
    const Slot a = core.receive();
    const Slot b = core.receive();
    CHECK(core.start(0, 1) == Slots{a});
    core.ok(a, 1, 1000);
    CHECK_FALSE(core.delivery.has_work());
    CHECK(core.start().empty());
    core.confirm(a);
    CHECK(core.delivery.has_work());
    CHECK(core.start() == Slots{b});
}

TEST_CASE("running handlers count with their expected outputs", "[weight]") {
    Core core(bounded(1000));
    for (int i = 0; i < 20; ++i) core.receive();
    const Slots first = core.start(0, 1);
    core.ok(first[0], 1, 300);
    CHECK(core.start().size() == 2);  // 300 are in memory, and 600 are expected from these
    CHECK(core.start().size() == 1);  // there is some room
    CHECK(core.start().empty());
}

TEST_CASE("if no outputs are in memory, one handler may start, however large its outputs are", "[weight]") {
    Core core(bounded(1000));
    const Slot a = core.receive();
    const Slot b = core.receive();
    const Slot c = core.receive();
    CHECK(core.start(0, 1) == Slots{a});
    core.ok(a, 1, 50'000);
    CHECK(core.start().empty());
    core.confirm(a);
    CHECK(core.start() == Slots{b});
    CHECK(core.start().empty());
    core.ok(b);
    CHECK(core.start() == Slots{c});
}

TEST_CASE("a quarter of the limit is reserved for outputs, even if inputs fill the limit", "[weight]") {
    Core core(bounded(1000));
    Slots slots;
    for (int i = 0; i < 10; ++i) slots.push_back(core.receive(of_size(200)));
    CHECK(core.start(0, 1) == Slots{slots[0]});
    core.ok(slots[0], 1, 100);
    CHECK(core.start() == Slots{slots[1]});
    core.ok(slots[1], 1, 100);
    CHECK(core.start() == Slots{slots[2]});
    core.ok(slots[2], 1, 100);
    CHECK(core.start().empty());
}

TEST_CASE("the bytes of a dead letter count while it is sent, each time", "[weight]") {
    Core core({.on_permanent = FailureAction::dead_letter, .letter_bytes = 50, .letter_copies = 3});
    const Slot a = core.receive(of_size(100));
    core.start();
    core.fail(a);
    CHECK(core.delivery.counters().held_bytes == 0);
    core.take(Step::dead_letter);
    CHECK(core.delivery.counters().held_bytes == 350);
    core.delivery.dead_letter_failed(a, SendFailure::transient, core.now);
    CHECK(core.delivery.counters().held_bytes == 0);
    core.advance_to_due();
    core.take(Step::dead_letter);
    CHECK(core.delivery.counters().held_bytes == 350);
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.delivery.counters().held_bytes == 0);
}

TEST_CASE("dead letters wait for memory", "[weight]") {
    Core core(with_letters(300));
    const Slots dead = fail_for_good(core, 4);
    CHECK(core.take(Step::dead_letter) == Slots{dead[0], dead[1], dead[2]});
    CHECK_FALSE(core.delivery.has_work());
    CHECK(core.items().empty());
    core.delivery.dead_letter_confirmed(dead[1]);
    CHECK(core.delivery.has_work());
    CHECK(core.take(Step::dead_letter) == Slots{dead[3]});
}

TEST_CASE("if no outputs are in memory, one dead letter may be sent, however large it is", "[weight]") {
    Core core(with_letters(5000));
    const Slots dead = fail_for_good(core, 2);
    CHECK(core.take(Step::dead_letter) == Slots{dead[0]});
    CHECK(core.items().empty());
    core.delivery.dead_letter_confirmed(dead[0]);
    CHECK(core.take(Step::dead_letter) == Slots{dead[1]});
}

TEST_CASE("the outputs of a message that failed for good no longer count", "[weight]") {
    Core core(with_letters(300));
    const Slot a = core.receive();
    core.start();
    core.ok(a, 2, 900);
    core.confirm(a, 0);
    core.refuse(a, 1, SendFailure::permanent);
    CHECK(core.delivery.counters().held_bytes == 0);
    CHECK(core.take(Step::dead_letter) == Slots{a});
    CHECK(core.delivery.counters().held_bytes == 300);
}

TEST_CASE("no outputs are expected from a message that failed for good, or was released", "[weight]") {
    Core core(with_letters(300));
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1, 100);
    core.confirm(a);
    core.settle();
    const Slot b = core.receive();
    core.receive();
    CHECK(core.delivery.byte_room() == 800);
    core.start(0, 1);
    core.fail(b);
    CHECK(core.delivery.byte_room() == 900);
    core.delivery.stop();
    CHECK(core.delivery.byte_room() == 1000);
}

TEST_CASE("a dead letter of an ended lane needs no memory", "[weight]") {
    Core core(with_letters(1000));
    const Slots dead = fail_for_good(core, 2);
    CHECK(core.take(Step::dead_letter) == Slots{dead[0]});
    core.delivery.end_lane(0);
    CHECK(core.items().empty());
    CHECK(core.settle() == Settled{.released = {dead[1]}});
}

TEST_CASE("bytes above the limit of a message are not counted", "[weight]") {
    Core core({});
    const Slot a = core.receive(of_size(100));
    core.start();
    core.delivery.grow(a, std::uint64_t{1} << 40U);
    core.ok(a, 1, std::uint64_t{1} << 40U);
    core.confirm(a);
    core.settle();
    CHECK(core.delivery.counters().in_flight_bytes == 0);
    CHECK(core.delivery.counters().held_bytes == 0);
}

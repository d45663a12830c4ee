// If input and outputs are in one store, it commits the outputs and the ack of a message together.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

Slots take_transaction(Core& core, std::size_t most = 100) {
    std::vector<Slot> slots;
    core.delivery.take_transaction(slots, most);
    return slots;
}

// Returns a handled message of key 1 with one output, taken for a transaction.
Slot taken(Core& core) {
    core.delivery.use_transactions();
    const Slot slot = core.receive(of_key(1));
    core.start();
    core.ok(slot, 1);
    REQUIRE(take_transaction(core) == Slots{slot});
    return slot;
}

}  // namespace

TEST_CASE("a message with outputs waits for its transaction, and no report is awaited", "[transactions]") {
    Core core({});
    core.delivery.use_transactions();
    const Slot a = core.receive();
    core.start();
    CHECK_FALSE(core.confirm(a));
    core.ok(a, 2);
    CHECK(core.delivery.uncommitted() == 1);
    CHECK_FALSE(core.confirm(a));
    CHECK(core.settle() == Settled{});
    CHECK_FALSE(core.delivery.is_idle());
}

TEST_CASE("a message without outputs waits for no transaction", "[transactions]") {
    Core core({});
    core.delivery.use_transactions();
    const Slot a = core.receive();
    core.start();
    core.ok(a);
    CHECK(core.delivery.uncommitted() == 0);
    CHECK(core.settle() == Settled{.acked = {a}});
}

TEST_CASE("transactions take messages in the order in which they were handled", "[transactions]") {
    Core core({.order = Order::none});
    core.delivery.use_transactions();
    const Slot a = core.receive();
    const Slot b = core.receive();
    const Slot c = core.receive();
    core.start();
    core.ok(c, 1);
    core.ok(a, 1);
    core.ok(b, 1);
    CHECK(take_transaction(core, 2) == Slots{c, a});
    CHECK(core.delivery.uncommitted() == 1);
    CHECK(take_transaction(core, 2) == Slots{b});
    CHECK(take_transaction(core, 2).empty());
}

TEST_CASE("the next message of a key starts before the transaction is committed", "[transactions]") {
    Core core({.order = Order::key});
    core.delivery.use_transactions();
    const Slot a = core.receive(of_key(1));
    const Slot b = core.receive(of_key(1));
    CHECK(core.start() == Slots{a, b});
    core.ok(a, 1);
    core.ok(b, 1);
    const Slot c = core.receive(of_key(1));
    CHECK(core.start(1) == Slots{c});
}

TEST_CASE("a committed transaction closes the message: there is nothing to settle", "[transactions]") {
    Core core({});
    const Slot a = taken(core);
    core.delivery.transacted(a);
    CHECK(core.settle() == Settled{});
    CHECK(core.delivery.is_idle());
    CHECK(core.delivery.counters().done == 1);
    CHECK(core.receive() == a);
}

TEST_CASE("a transaction can be repeated any number of times", "[transactions]") {
    Core core({});
    const Slot a = taken(core);
    core.advance(Millis(3'600'000));
    CHECK(take_transaction(core).empty());  // each message is taken once
    CHECK(core.items().empty());
    CHECK(core.settle() == Settled{});
    CHECK(core.delivery.is_active());
    core.delivery.transacted(a);
    CHECK_FALSE(core.delivery.is_active());
}

TEST_CASE("a refused transaction fails its message for good, and holds its key", "[transactions]") {
    Core core({.order = Order::key, .on_permanent = FailureAction::dead_letter});
    const Slot a = taken(core);
    core.delivery.transaction_refused(a, 2, core.now);
    CHECK(core.delivery.counters().failures[2] == 1);
    CHECK(core.delivery.entry(a).reason == 2);
    const Slot b = core.receive(of_key(1));
    CHECK(core.take(Step::dead_letter) == Slots{a});
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.start() == Slots{b});
}

TEST_CASE("a lost transaction releases the message, and nothing counts as done", "[transactions]") {
    Core core({});
    const Slot a = taken(core);
    core.delivery.transaction_lost(a);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.counters().done == 0);
    CHECK(core.delivery.counters().released_by_lease == 1);
    CHECK(core.delivery.counters().possible_duplicates == 0);  // nothing of it was stored
}

TEST_CASE("a transaction that is given up releases its message as a possible duplicate", "[transactions]") {
    Core core({});
    const Slot a = taken(core);
    core.delivery.abort();
    core.delivery.transaction_released(a);
    CHECK(core.settle() == Settled{.released = {a}});
    CHECK(core.delivery.counters().released_by_stop == 1);
    CHECK(core.delivery.counters().possible_duplicates == 1);
}

TEST_CASE("a stop finishes a transaction", "[transactions]") {
    Core core({.order = Order::none});
    core.delivery.use_transactions();
    const Slot a = core.receive();
    core.start();
    core.delivery.stop();
    core.ok(a, 1);
    CHECK(take_transaction(core) == Slots{a});
    core.delivery.transacted(a);
    CHECK(core.delivery.counters().done == 1);
    CHECK(core.delivery.is_idle());
}

TEST_CASE("an abort releases messages that wait for a transaction, also later ones", "[transactions]") {
    Core core({.order = Order::none});
    core.delivery.use_transactions();
    const Slot a = core.receive();
    const Slot b = core.receive();
    core.start();
    core.ok(a, 1);
    core.delivery.abort();
    CHECK(core.settle() == Settled{.released = {a}});
    core.ok(b, 1);
    CHECK(core.settle() == Settled{.released = {b}});
    CHECK(core.delivery.uncommitted() == 0);
    CHECK(core.delivery.is_idle());
}

TEST_CASE("a transaction that is committed during an abort counts as done", "[transactions]") {
    Core core({});
    const Slot a = taken(core);
    core.delivery.abort();
    core.delivery.transacted(a);
    CHECK(core.delivery.counters().done == 1);
    CHECK(core.delivery.is_idle());
    CHECK(is_balanced(core.delivery.counters()));
}

TEST_CASE("a transaction that is refused during an abort releases its message", "[transactions]") {
    Core core({.on_permanent = FailureAction::drop});
    const Slot a = taken(core);
    core.delivery.abort();
    core.delivery.transaction_refused(a, 0, core.now);
    CHECK(core.settle() == Settled{.released = {a}});
}

// Every received message is settled exactly once, and closed when the consumer has closed it.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

std::vector<Settlement> settlements(Core& core) {
    std::vector<Settlement> taken;
    core.delivery.take_settlements(taken);
    return taken;
}

Slot handled(Core& core) {
    const Slot slot = core.receive();
    REQUIRE(core.start() == Slots{slot});
    core.ok(slot);
    return slot;
}

}  // namespace

TEST_CASE("a settlement names the delivery, its attempts and the reason of its failure", "[settling]") {
    Core core({.max_attempts = 2, .on_exhausted = FailureAction::requeue});
    const Slot a = core.receive({.handle = 77});
    core.start();
    core.retry(a);
    core.advance_to_due();
    core.start();
    core.delivery.handled(a, Verdict::retry, 0, 0, Millis(0), 3, core.now);
    const std::vector<Settlement> taken = settlements(core);
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].slot == a);
    CHECK(taken[0].handle == 77);
    CHECK(taken[0].attempts == 2);
    CHECK(taken[0].reason == 3);
}

TEST_CASE("an ack has a reason only if the message was given up", "[settling]") {
    Core core({.order = Order::none, .max_attempts = 2, .on_permanent = FailureAction::drop});
    const Slot recovered = core.receive({.handle = 1});
    const Slot refused = core.receive({.handle = 2});
    core.start();
    core.delivery.handled(recovered, Verdict::retry, 0, 0, Millis(0), 3, core.now);
    core.delivery.handled(refused, Verdict::fail, 0, 0, Millis(0), 4, core.now);
    core.advance_to_due();
    core.start();
    core.ok(recovered);
    std::map<Slot, Reason> reasons;
    for (const Settlement& settlement : settlements(core)) {
        CHECK(settlement.kind == SettlementKind::ack);
        CHECK(settlement.large);  // a failed attempt leaves its text
        reasons[settlement.slot] = settlement.reason;
    }
    CHECK(reasons == std::map<Slot, Reason>{{recovered, 0}, {refused, 4}});
}

TEST_CASE("a settlement is returned once", "[settling]") {
    Core core({});
    handled(core);
    CHECK(settlements(core).size() == 1);
    CHECK(settlements(core).empty());
    CHECK_FALSE(core.delivery.is_idle());
}

TEST_CASE("a settlement that the store did not accept is returned again, soon and without a limit",
          "[settling]") {
    Core core({.max_delay = Millis(3'600'000)});
    const Slot a = handled(core);
    for (int i = 0; i < 20; ++i) {
        CHECK(settlements(core).size() == 1);
        core.delivery.settle_again(a, core.now);
        CHECK(settlements(core).empty());
        CHECK(core.delivery.next_due() <= core.now + Millis(2000));
        core.advance_to_due();
    }
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.is_idle());
    CHECK(core.delivery.counters().done == 1);
}

TEST_CASE("a nack that is repeated keeps its delay", "[settling]") {
    Core core({.max_delay = Millis(700), .on_permanent = FailureAction::requeue});
    const Slot a = core.receive();
    core.start();
    core.fail(a);
    settlements(core);
    core.delivery.settle_again(a, core.now);
    core.advance_to_due();
    const std::vector<Settlement> again = settlements(core);
    REQUIRE(again.size() == 1);
    CHECK(again[0].kind == SettlementKind::nack);
    CHECK(again[0].delay == Millis(700));
}

TEST_CASE("open settlements are due at once at the end, and only once", "[settling]") {
    Core core({.order = Order::none});
    const Slot a = core.receive();
    const Slot b = core.receive();
    core.start();
    core.ok(a);
    settlements(core);
    core.delivery.settle_again(a, core.now);
    core.ok(b);
    core.delivery.settle_now();
    CHECK(settlements(core).size() == 2);
    core.advance(Millis(60'000));
    CHECK(settlements(core).empty());
    core.delivery.settled(a, false);
    core.delivery.settled(b, false);
    CHECK(core.delivery.is_idle());
}

TEST_CASE("an ack that came too late is counted, and its outputs are possible duplicates", "[settling]") {
    Core core({.order = Order::none});
    const Slot with = core.receive();
    const Slot without = core.receive();
    core.start();
    core.ok(with, 1);
    core.confirm(with);
    core.ok(without);
    settlements(core);
    core.delivery.settled(with, true);
    core.delivery.settled(without, true);
    CHECK(core.delivery.counters().lost == 2);
    CHECK(core.delivery.counters().possible_duplicates == 1);
}

TEST_CASE("a released message whose lease is lost is not counted as a possible duplicate twice",
          "[settling]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a, 1);
    core.delivery.abort();
    core.confirm(a);
    CHECK(settlements(core).size() == 1);
    CHECK(core.delivery.counters().possible_duplicates == 1);
    core.delivery.settled(a, true);
    CHECK(core.delivery.counters().lost == 1);
    CHECK(core.delivery.counters().possible_duplicates == 1);
}

TEST_CASE("a settlement tells whether the slot holds more memory than it may keep", "[settling]") {
    Core core({.order = Order::none, .on_permanent = FailureAction::drop});
    const Slot plain = core.receive();
    const Slot with_outputs = core.receive();
    const Slot with_body = core.receive();
    const Slot with_reason = core.receive();
    core.start();
    core.ok(plain);
    core.ok(with_outputs, 1, 100);
    core.confirm(with_outputs);
    core.delivery.grow(with_body, 100);
    core.ok(with_body);
    core.delivery.handled(with_reason, Verdict::fail, 0, 0, Millis(0), 3, core.now);
    std::map<Slot, bool> large;
    for (const Settlement& settlement : settlements(core)) large[settlement.slot] = settlement.large;
    CHECK(large ==
          std::map<Slot, bool>{{plain, false}, {with_outputs, true}, {with_body, true}, {with_reason, true}});
}

TEST_CASE("a slot is reused when its delivery is closed, with another life", "[settling]") {
    Core core({});
    const Slot a = handled(core);
    const std::uint16_t life = core.delivery.entry(a).life;
    CHECK(core.receive() != a);
    core.settle();
    CHECK(core.receive() == a);
    CHECK(core.delivery.entry(a).life == life + 1);
}

TEST_CASE("redeliveries are counted", "[settling]") {
    Core core({});
    core.receive();
    core.receive({.redelivered = true});
    CHECK(core.delivery.counters().received == 2);
    CHECK(core.delivery.counters().redelivered == 1);
}

TEST_CASE("the open deliveries are those that the consumer has not closed", "[settling]") {
    Core core({.order = Order::none});
    const Slot waiting = core.receive();
    const Slot running = core.receive();
    const Slot finished = core.receive();
    CHECK(core.start() == Slots{waiting, running, finished});
    core.give_back(waiting);
    core.ok(finished);
    const auto open = [&core] {
        Slots slots;
        core.delivery.for_each_open([&slots](Slot slot, const Entry&) { slots.push_back(slot); });
        return slots;
    };
    CHECK(open() == Slots{waiting, running, finished});
    core.settle();
    CHECK(open() == Slots{waiting, running});
}

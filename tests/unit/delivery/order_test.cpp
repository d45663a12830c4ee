// No two messages of an ordering group (a partition or a key) run at the same time, and none overtakes
// another.
#include <catch2/catch.hpp>
#include <set>

#include "core.hpp"

using namespace volley::delivery;

namespace {

// Finishes a running message without outputs.
void finish(Core& core, Slot slot) {
    core.ok(slot);
    core.settle();
}

}  // namespace

TEST_CASE("messages of a partition run one after the other", "[order]") {
    Core core({.order = Order::partition});
    const Slot a = core.receive();
    const Slot b = core.receive();
    CHECK(core.start() == Slots{a});
    CHECK(core.start(1).empty());
    core.ok(a, 1);
    CHECK(core.start().empty());
    core.confirm(a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("partitions do not wait for each other", "[order]") {
    Core core({.order = Order::partition});
    const Lane other = core.delivery.open_lane();
    const Slot a = core.receive();
    const Slot b = core.receive({.lane = other});
    CHECK(core.start() == Slots{a, b});
}

TEST_CASE("messages of a key run one after the other, in parallel with other keys", "[order]") {
    Core core({.order = Order::key});
    const Slot a = core.receive(of_key(1));
    const Slot b = core.receive(of_key(1));
    const Slot c = core.receive(of_key(2));
    CHECK(core.start() == Slots{a, c});
    finish(core, c);
    CHECK(core.start().empty());
    finish(core, a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("a key of one partition does not wait for the same key of another", "[order]") {
    Core core({.order = Order::key});
    const Lane other = core.delivery.open_lane();
    const Slot a = core.receive(of_key(1));
    Incoming same_key = of_key(1);
    same_key.lane = other;
    const Slot b = core.receive(same_key);
    CHECK(core.start() == Slots{a, b});
}

TEST_CASE("messages without a key do not wait for each other", "[order]") {
    Core core({.order = Order::key});
    const Slot a = core.receive();
    const Slot b = core.receive();
    CHECK(core.start() == Slots{a, b});
}

TEST_CASE("without order, keys and partitions have no effect", "[order]") {
    Core core({.order = Order::none});
    const Slot a = core.receive(of_key(1));
    const Slot b = core.receive(of_key(1));
    CHECK(core.start() == Slots{a, b});
}

TEST_CASE("no message of an ordering group starts while one is in backoff", "[order]") {
    const Order order = GENERATE(Order::partition, Order::key);
    const bool pipelined = GENERATE(false, true);
    Core core({.order = order, .pipelined = pipelined});
    const Slot a = core.receive(of_key(1));
    CHECK(core.start() == Slots{a});
    const Slot b = core.receive(of_key(1));
    core.retry(a);
    CHECK(core.start().empty());
    CHECK(core.start(1).empty());
    core.advance_to_due();
    CHECK(core.start(0, 1) == Slots{a});
    finish(core, a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("no message of an ordering group starts while an output of it has failed", "[order]") {
    const Order order = GENERATE(Order::partition, Order::key);
    const bool pipelined = GENERATE(false, true);
    Core core({.order = order, .pipelined = pipelined});
    const Slot a = core.receive(of_key(1));
    core.start();
    core.ok(a, 1);
    core.refuse(a);
    const Slot b = core.receive(of_key(1));
    CHECK(core.start().empty());
    core.advance_to_due();
    CHECK(core.take(Step::send_again) == Slots{a});
    CHECK(core.start().empty());
    core.confirm(a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("an output that fails before its worker returns holds the ordering group, too", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    core.start();
    core.refuse(a);
    core.receive(of_key(1));
    core.ok(a, 1);
    CHECK(core.start().empty());
}

TEST_CASE("an output that failed for good holds the ordering group until the others are confirmed",
          "[order]") {
    Core core({.order = Order::key, .pipelined = true, .on_permanent = FailureAction::drop});
    const Slot a = core.receive(of_key(1));
    core.start();
    core.refuse(a, 0, SendFailure::permanent);
    const Slot b = core.receive(of_key(1));
    core.ok(a, 2);
    CHECK(core.start().empty());
    core.confirm(a, 1);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("no message of an ordering group starts before its dead letter is confirmed", "[order]") {
    Core core({.order = Order::key, .pipelined = true, .on_permanent = FailureAction::dead_letter});
    const Slot a = core.receive(of_key(1));
    core.start();
    const Slot b = core.receive(of_key(1));
    core.fail(a);
    CHECK(core.take(Step::dead_letter) == Slots{a});
    core.delivery.dead_letter_failed(a, SendFailure::transient, core.now);
    core.advance_to_due();
    CHECK(core.take(Step::dead_letter) == Slots{a});
    core.delivery.dead_letter_confirmed(a);
    CHECK(core.start() == Slots{b});
}

TEST_CASE("an ordering group continues when its outputs are accepted, if producers keep the order",
          "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    core.start();
    core.ok(a, 1);
    const Slot b = core.receive(of_key(1));
    CHECK(core.start(1) == Slots{b});
    CHECK(core.settle() == Settled{});
}

TEST_CASE("a batch of one key goes to one worker, in order", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    const Slot b = core.receive(of_key(1));
    const Slot c = core.receive(of_key(1));
    CHECK(core.start(0, 2) == Slots{a, b});
    CHECK(core.start(1).empty());
    CHECK(core.start(0) == Slots{c});
}

TEST_CASE("items carry their ordering group and its turn", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    core.receive(of_key(1));
    core.receive(of_key(1));
    core.receive(of_key(2));
    const std::vector<WorkItem> items = core.items();
    REQUIRE(items.size() == 3);
    CHECK(items[0].group == items[1].group);
    CHECK(items[0].turn == items[1].turn);
    CHECK(items[2].group != items[0].group);
    CHECK(items[2].turn != items[0].turn);
}

TEST_CASE("further messages of a key that runs at a worker go to that worker only", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    CHECK(core.start(0) == Slots{a});
    const Slot b = core.receive(of_key(1));
    CHECK(core.start(1).empty());
    CHECK(core.start(0) == Slots{b});
}

TEST_CASE("further messages of a key start also if earlier ones finish out of order", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    const Slot b = core.receive(of_key(1));
    CHECK(core.start() == Slots{a, b});
    core.ok(b);
    const Slot c = core.receive(of_key(1));
    CHECK(core.start() == Slots{c});
}

TEST_CASE("a key that is not busy can go to any worker, and begins a new turn", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    const std::vector<WorkItem> first = core.items(0);
    finish(core, a);
    const Slot b = core.receive(of_key(1));
    const std::vector<WorkItem> second = core.items(1);
    REQUIRE(second.size() == 1);
    CHECK(second[0].slot == b);
    CHECK(second[0].turn != first.at(0).turn);
}

TEST_CASE("a key with waiting messages can go to any worker when it is no longer busy", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    core.start(0);
    const Slot b = core.receive(of_key(1));
    finish(core, a);
    CHECK(core.start(1) == Slots{b});
}

TEST_CASE("after a failure the rest of the turn is returned, and all run again in order", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    const Slot a = core.receive(of_key(1));
    const Slot b = core.receive(of_key(1));
    CHECK(core.start() == Slots{a, b});
    const Slot c = core.receive(of_key(1));
    core.retry(a);
    CHECK(core.start().empty());  // not even at its worker
    core.give_back(b);
    CHECK(core.start().empty());
    core.advance_to_due();
    CHECK(core.start(1) == Slots{a, b, c});
}

TEST_CASE("without `pipelined` a worker gets one message of a key at a time", "[order]") {
    Core core({.order = Order::key, .pipelined = false});
    const Slot a = core.receive(of_key(1));
    core.receive(of_key(1));
    CHECK(core.start(0) == Slots{a});
    CHECK(core.start(0).empty());
}

TEST_CASE("keys and messages without a key do not starve each other", "[order]") {
    Core core({.order = Order::key});
    Slots unordered;
    for (int i = 0; i < 8; ++i) unordered.push_back(core.receive());
    const Slot keyed = core.receive(of_key(1));
    const Slots started = core.start(0, 4);
    CHECK(started.size() == 4);
    CHECK(std::count(started.begin(), started.end(), keyed) == 1);
}

TEST_CASE("busy and idle keys do not starve each other", "[order]") {
    Core core({.order = Order::key, .pipelined = true});
    core.receive(of_key(1));
    core.start();
    const Slot flowing = core.receive(of_key(1));
    core.receive(of_key(1));
    const Slot resting = core.receive(of_key(2));
    core.receive(of_key(3));
    const Slots first = core.start(0, 1);
    const Slots second = core.start(0, 1);
    CHECK(std::set<Slot>{first.at(0), second.at(0)} == std::set<Slot>{flowing, resting});
}

TEST_CASE("thousands of keys come and go, and each keeps its order", "[order]") {
    Core core({.order = Order::key});
    constexpr std::uint64_t keys = 3000;
    for (int round = 0; round < 2; ++round) {
        std::vector<Slot> firsts;
        std::set<Slot> seconds;
        for (std::uint64_t key = 0; key < keys; ++key) firsts.push_back(core.receive(of_key(key * 64)));
        for (std::uint64_t key = 0; key < keys; ++key) seconds.insert(core.receive(of_key(key * 64)));
        CHECK(core.start(0, 2 * keys) == firsts);
        // Every third first, so that the groups are not removed in the order in which they were created.
        for (std::size_t from = 0; from < 3; ++from) {
            for (std::size_t i = from; i < keys; i += 3) finish(core, firsts[i]);
        }
        const Slots then = core.start(0, 2 * keys);
        CHECK(std::set<Slot>(then.begin(), then.end()) == seconds);
        for (const Slot slot : then) finish(core, slot);
    }
    CHECK(core.delivery.is_idle());
}

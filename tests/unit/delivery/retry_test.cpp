// Retries: when, how often, and what counts as an attempt.
#include "delivery/retry.hpp"

#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

// Fails the next attempt of `slot`, and returns its backoff.
Millis wait_after_failure(Core& core, Slot slot, Millis retry_after = Millis(0)) {
    REQUIRE(core.start() == Slots{slot});
    core.retry(slot, retry_after);
    const Instant failed = core.now;
    core.advance_to_due();
    return core.now - failed;
}

}  // namespace

TEST_CASE("the range of the backoff doubles up to its limit", "[retry]") {
    Backoff backoff(Millis(100), Millis(1000), 7);
    for (std::uint32_t tries = 1; tries < 200; ++tries) {
        const Millis ceiling = tries > 4 ? Millis(1000) : Millis(100) * (1 << (tries - 1));
        const Millis delay = backoff.delay(tries);
        CHECK(delay >= Millis(1));
        CHECK(delay <= ceiling);
    }
}

TEST_CASE("the backoff stays at its limit for any number of attempts", "[retry]") {
    Backoff backoff(Millis(100), Millis(1000), 7);
    for (const std::uint32_t tries : {31U, 32U, 33U, 63U, 64U, 65U, 1'000'000U}) {
        Millis longest{0};
        for (int i = 0; i < 100; ++i) longest = std::max(longest, backoff.delay(tries));
        CHECK(longest > Millis(800));
    }
}

TEST_CASE("the backoff uses its whole range", "[retry]") {
    Backoff backoff(Millis(4), Millis(4), 7);
    std::map<Millis, int> seen;
    for (int i = 0; i < 200; ++i) ++seen[backoff.delay(1)];
    CHECK(seen.size() == 4);
}

TEST_CASE("the same seed gives the same backoffs, and another seed others", "[retry]") {
    Backoff one(Millis(1 << 20), Millis(1 << 20), 1);
    Backoff same(Millis(1 << 20), Millis(1 << 20), 1);
    Backoff other(Millis(1 << 20), Millis(1 << 20), 2);
    const Millis first = one.delay(1);
    CHECK(same.delay(1) == first);
    CHECK(other.delay(1) != first);
}

TEST_CASE("seed 0 has no jitter", "[retry]") {
    Backoff backoff(Millis(100), Millis(500), 0);
    CHECK(backoff.delay(1) == Millis(100));
    CHECK(backoff.delay(2) == Millis(200));
    CHECK(backoff.delay(3) == Millis(400));
    CHECK(backoff.delay(4) == Millis(500));
    CHECK(backoff.delay(1) == Millis(100));
}

TEST_CASE("timers are returned in the order in which they are due", "[retry]") {
    Timers timers;
    CHECK(timers.next() == never);
    for (const int due : {30, 10, 20}) timers.add({Instant(due), static_cast<Slot>(due), 0});
    CHECK(timers.next() == Instant(10));
    CHECK(timers.pop().slot == 10);
    CHECK(timers.pop().slot == 20);
    CHECK(timers.pop().slot == 30);
    CHECK(timers.next() == never);
}

TEST_CASE("a failed message starts again when its backoff is over, and not before", "[retry]") {
    Core core({.initial_delay = Millis(1000), .max_delay = Millis(1000)});
    const Slot a = core.receive();
    core.start();
    core.retry(a);
    const Instant due = core.delivery.next_due();
    CHECK(due > core.now);
    CHECK(due <= core.now + Millis(1000));
    core.advance(due - core.now - Millis(1));
    CHECK(core.start().empty());
    core.advance(Millis(1));
    const std::vector<WorkItem> items = core.items();
    REQUIRE(items.size() == 1);
    CHECK(items[0].slot == a);
    CHECK(items[0].step == Step::handle);
    CHECK(items[0].attempt == 2);
    core.ok(a);
    CHECK(core.settle() == Settled{.acked = {a}});
    CHECK(core.delivery.counters().retries == 1);
}

TEST_CASE("a message is tried max_attempts times", "[retry]") {
    Core core({.max_attempts = 3, .on_exhausted = FailureAction::requeue});
    const Slot a = core.receive();
    wait_after_failure(core, a);
    wait_after_failure(core, a);
    CHECK(core.settle() == Settled{});
    CHECK(core.start() == Slots{a});
    core.retry(a);
    CHECK(core.settle() == Settled{.nacked = {a}});
    CHECK(core.delivery.counters().retries == 2);
}

TEST_CASE("the delay that a handler asks for is not limited by max_delay", "[retry]") {
    Core core({.max_delay = Millis(1000)});
    const Slot a = core.receive();
    CHECK(wait_after_failure(core, a, Millis(1)) == Millis(1));
    CHECK(wait_after_failure(core, a, Millis(3'600'000)) == Millis(3'600'000));
}

TEST_CASE("a message that has used up its attempts waits max_delay, or longer if its handler asks for it",
          "[retry]") {
    Core core({.max_attempts = 1, .max_delay = Millis(1000), .on_exhausted = FailureAction::keep_trying});
    const Slot a = core.receive();
    CHECK(wait_after_failure(core, a) == Millis(1000));
    CHECK(wait_after_failure(core, a, Millis(10)) == Millis(1000));
    CHECK(wait_after_failure(core, a, Millis(5000)) == Millis(5000));
}

TEST_CASE("a message that is returned unstarted counts no attempt and can start at once", "[retry]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.give_back(a);
    const std::vector<WorkItem> items = core.items();
    REQUIRE(items.size() == 1);
    CHECK(items[0].slot == a);
    CHECK(items[0].attempt == 1);
    CHECK(core.delivery.counters().retries == 0);
}

TEST_CASE("without order, a message that is returned unstarted is the next to start", "[retry]") {
    Core core({.order = Order::none});
    const Slot a = core.receive();
    const Slot b = core.receive();
    CHECK(core.start(0, 1) == Slots{a});
    core.give_back(a);
    CHECK(core.start() == Slots{a, b});
}

TEST_CASE("failures are counted by reason, and an unknown reason as none", "[retry]") {
    Core core({});
    const Slot a = core.receive();
    for (const Reason reason : {Reason{3}, Reason{3}, static_cast<Reason>(reason_count)}) {
        core.start();
        core.delivery.handled(a, Verdict::retry, 0, 0, Millis(0), reason, core.now);
        core.advance_to_due();
    }
    CHECK(core.delivery.counters().failures[3] == 2);
    CHECK(core.delivery.counters().failures[0] == 1);
}

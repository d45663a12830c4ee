// When every message fails, the input is held back, and one message at a time is tried.
#include "delivery/breaker.hpp"

#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

// One attempt, then the message is dropped, so that a message that is given up is acked.
const Options one_attempt{
    .order = Order::none, .max_attempts = 1, .max_delay = Millis(8000), .on_exhausted = FailureAction::drop};

// Receives and fails as many messages as it takes to open the breaker.
void open_breaker(Core& core) {
    for (std::uint32_t i = 0; i < Breaker::opens_after; ++i) {
        REQUIRE_FALSE(core.delivery.breaker_is_open());
        const Slot slot = core.receive();
        REQUIRE(core.start() == Slots{slot});
        core.retry(slot);
        REQUIRE(core.settle() == Settled{.acked = {slot}});
    }
    REQUIRE(core.delivery.breaker_is_open());
}

}  // namespace

TEST_CASE("the breaker opens when first attempts fail in a row and one message is exhausted", "[breaker]") {
    Core core(one_attempt);
    open_breaker(core);
    CHECK(core.start().empty());
}

TEST_CASE("a success in between resets the count", "[breaker]") {
    Core core(one_attempt);
    for (std::uint32_t i = 1; i < 2 * Breaker::opens_after; ++i) {
        const Slot slot = core.receive();
        core.start();
        if (i % Breaker::opens_after == 0)
            core.ok(slot);
        else
            core.retry(slot);
        core.settle();
    }
    CHECK_FALSE(core.delivery.breaker_is_open());
}

TEST_CASE("later attempts do not count", "[breaker]") {
    Core core({.order = Order::none, .max_attempts = 30, .on_exhausted = FailureAction::drop});
    const Slot slot = core.receive();
    for (int attempt = 1; attempt < 30; ++attempt) {
        REQUIRE(core.start() == Slots{slot});
        core.retry(slot);
        core.advance_to_due();
    }
    core.start();
    core.retry(slot);
    CHECK(core.settle() == Settled{.acked = {slot}});
    CHECK_FALSE(core.delivery.breaker_is_open());
}

TEST_CASE("failures for good do not count", "[breaker]") {
    Core core(
        {.order = Order::none, .on_exhausted = FailureAction::drop, .on_permanent = FailureAction::drop});
    for (std::uint32_t i = 0; i < 2 * Breaker::opens_after; ++i) {
        const Slot slot = core.receive();
        core.start();
        core.fail(slot);
        core.settle();
    }
    CHECK_FALSE(core.delivery.breaker_is_open());
}

TEST_CASE("there is a breaker only if exhausted messages leave the queue", "[breaker]") {
    const FailureAction last = GENERATE(FailureAction::requeue, FailureAction::keep_trying);
    Core core({.order = Order::none, .max_attempts = 1, .on_exhausted = last});
    for (std::uint32_t i = 0; i < 2 * Breaker::opens_after; ++i) {
        const Slot slot = core.receive();
        core.start();
        core.retry(slot);
    }
    CHECK_FALSE(core.delivery.breaker_is_open());
}

TEST_CASE("an open breaker holds the input back, except for the probe", "[breaker]") {
    Core core(one_attempt);
    open_breaker(core);
    CHECK(core.delivery.wants_messages());
    CHECK(core.delivery.room() == 1);
    core.receive();
    CHECK_FALSE(core.delivery.wants_messages());
    CHECK(core.delivery.room() == 0);
}

TEST_CASE("one message at a time is tried when a probe is due", "[breaker]") {
    Core core(one_attempt);
    open_breaker(core);
    const Slot a = core.receive();
    core.receive();
    CHECK_FALSE(core.delivery.has_work());
    CHECK(core.delivery.next_due() == core.now + Millis(1000));
    core.advance(Millis(999));
    CHECK(core.start().empty());
    core.advance(Millis(1));
    CHECK(core.delivery.has_work());
    CHECK(core.start() == Slots{a});
    core.advance(Millis(60'000));
    CHECK(core.start().empty());  // the probe is still running
}

TEST_CASE("a probe that fails is given up, and the next waits longer, up to max_delay", "[breaker]") {
    Core core(one_attempt);
    open_breaker(core);
    for (const int wait : {1000, 2000, 4000, 8000, 8000}) {
        const Slot slot = core.receive();
        CHECK(core.delivery.next_due() == core.now + Millis(wait));
        core.advance_to_due();
        CHECK(core.start() == Slots{slot});
        core.retry(slot);
        CHECK(core.settle() == Settled{.acked = {slot}});
        CHECK(core.delivery.breaker_is_open());
    }
}

TEST_CASE("a probe that did not start, or failed for good, does not delay the next one", "[breaker]") {
    Core core({.order = Order::none,
               .max_attempts = 1,
               .on_exhausted = FailureAction::drop,
               .on_permanent = FailureAction::drop});
    open_breaker(core);
    const Slot a = core.receive();
    const Slot b = core.receive();
    core.advance_to_due();
    CHECK(core.start() == Slots{a});
    SECTION("given back") {
        core.give_back(a);
        core.advance(Millis(0));
        CHECK(core.start() == Slots{a});
    }
    SECTION("its own fault") {
        core.fail(a);
        core.advance(Millis(0));
        CHECK(core.start() == Slots{b});
    }
    CHECK(core.delivery.breaker_is_open());
}

TEST_CASE("while the breaker is open only the probe is given up", "[breaker]") {
    Core core(one_attempt);
    const Slot running = core.receive();
    CHECK(core.start() == Slots{running});
    open_breaker(core);
    core.retry(running);
    CHECK(core.settle() == Settled{});
    CHECK(core.delivery.exhausted() == 1);
    CHECK(core.delivery.next_due() <= core.now + one_attempt.initial_delay);
    CHECK(core.delivery.counters().in_flight == 1);
}

TEST_CASE("the first success closes the breaker", "[breaker]") {
    Core core(one_attempt);
    open_breaker(core);
    const Slot probe = core.receive();
    const Slot b = core.receive();
    const Slot c = core.receive();
    core.advance_to_due();
    CHECK(core.start() == Slots{probe});
    core.ok(probe, 1);
    CHECK_FALSE(core.delivery.breaker_is_open());
    CHECK(core.delivery.wants_messages());
    CHECK(core.start() == Slots{b, c});
}

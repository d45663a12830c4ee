// How messages are fetched, how long a consume may wait, and what its failure means.
#include "runtime/fetcher.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"
#include "fake_store.hpp"
#include "runtime/receiver.hpp"
#include "runtime/schedule.hpp"

using namespace rig;
using namespace std::chrono_literals;
using fake::Calls;
using fake::Offers;

namespace {

volley_message message(std::uint64_t handle, std::int32_t of_partition = -1, std::uint32_t epoch = 0) {
    volley_message m{};
    m.handle = handle;
    m.source = volley_text("orders");
    m.partition = of_partition;
    m.offset = of_partition < 0 ? -1 : static_cast<std::int64_t>(handle);
    m.epoch = epoch;
    return m;
}

struct Rig : Core {
    explicit Rig(Offers offers = Offers::everything) : input(fake::open_input(store, offers)) {}
    Result<void> fetch(std::uint32_t capacity = 10, delivery::Millis wait = 100ms, bool is_idle = true) {
        return fetcher.fetch(capacity, 1000, wait, is_idle);
    }
    fake::Store store;
    runtime::Input input;
    runtime::Fetcher fetcher{pipeline, input};
};

}  // namespace

TEST_CASE("what a consume brings is there until it is taken", "[fetcher]") {
    Rig rig;
    rig.store.messages = {message(7), message(8)};
    REQUIRE(rig.fetch());
    CHECK(rig.fetcher.is_up());
    REQUIRE(rig.fetcher.count() == 2);
    std::vector<std::uint64_t> handles;
    rig.fetcher.hand_over([&](const volley_message& m) { handles.push_back(m.handle); });
    CHECK(handles == std::vector<std::uint64_t>{7, 8});
    CHECK(rig.fetcher.count() == 0);
}

TEST_CASE("a consumer finds its messages blank, whatever was in them before", "[fetcher]") {
    Rig rig;
    rig.store.messages = {message(7, 3, 1), message(8, 3, 1)};
    REQUIRE(rig.fetch());
    CHECK(rig.store.batch_was_blank);
    rig.fetcher.hand_over([](const volley_message&) {});
    REQUIRE(rig.fetch());
    CHECK(rig.store.batch_was_blank);
    rig.store.consume = VOLLEY_E_RETRY;  // the call fails, but fills in a message
    REQUIRE(rig.fetch());
    rig.store.consume = VOLLEY_OK;
    REQUIRE(rig.fetch());
    CHECK(rig.store.batch_was_blank);
}

TEST_CASE("a consume that fails for now brings nothing, and is made again later", "[fetcher]") {
    for (const std::int32_t status : {VOLLEY_E_RETRY, VOLLEY_E_UNKNOWN, VOLLEY_E_LOST}) {
        INFO(status);
        Rig rig;
        REQUIRE(rig.fetch());
        rig.store.consume = status;
        const delivery::Instant before = runtime::now();
        REQUIRE(rig.fetch());
        CHECK(rig.fetcher.count() == 0);
        CHECK_FALSE(rig.fetcher.is_up());
        const delivery::Instant next = rig.fetcher.next_try();
        CHECK(next > before);
        CHECK_FALSE(rig.fetcher.may_fetch(next - 1ms));
        CHECK(rig.fetcher.may_fetch(next));
        rig.store.consume = VOLLEY_OK;
        REQUIRE(rig.fetch());
        CHECK(rig.fetcher.is_up());
    }
}

TEST_CASE("a store that says when it is back is asked then", "[fetcher]") {
    Rig rig;
    rig.store.consume = VOLLEY_E_RETRY;
    rig.store.retry_after_ms = 3'600'000;
    const delivery::Instant before = runtime::now();
    REQUIRE(rig.fetch());
    CHECK(rig.fetcher.next_try() >= before + 1h);
}

TEST_CASE("a consume that fails for good is an error", "[fetcher]") {
    Rig rig;
    rig.store.consume = VOLLEY_E_FENCED;
    const auto fetched = rig.fetch();
    REQUIRE_FALSE(fetched);
    CHECK(fetched.error().code == ErrorCode::fenced);
    CHECK(rig.fetcher.count() == 0);
}

TEST_CASE("an input that has ended is not read any more; what came with its end counts", "[fetcher]") {
    Rig rig;
    rig.store.messages = {message(7)};
    rig.store.consume = VOLLEY_END;
    REQUIRE(rig.fetch());
    CHECK(rig.fetcher.count() == 1);
    CHECK(rig.fetcher.has_ended());
    CHECK_FALSE(rig.fetcher.may_fetch(delivery::never));
}

// ---- waits

TEST_CASE("a consume that can be interrupted waits as long as nothing is due", "[fetcher]") {
    Rig rig;
    REQUIRE(rig.fetch(10, 700ms));
    CHECK(rig.store.take_calls() == Calls{"consume 700 ms"});
}

TEST_CASE("a consume that cannot be interrupted waits briefly", "[fetcher]") {
    Rig rig(Offers::no_interrupt);
    REQUIRE(rig.fetch(10, 700ms, true));
    REQUIRE(rig.fetch(10, 700ms, false));
    REQUIRE(rig.fetch(10, 1ms, false));
    CHECK(rig.store.take_calls() == Calls{"consume 50 ms", "consume 2 ms", "consume 1 ms"});
}

TEST_CASE("nothing waits while a completion is there", "[fetcher]") {
    Rig rig;
    const runtime::Completion completion;
    rig.pipeline.completions.push(&completion, 1);
    REQUIRE(rig.fetch(10, 700ms));
    REQUIRE(rig.fetcher.wait_without_fetching(700ms, true));
    CHECK(rig.store.take_calls() == Calls{"consume 0 ms", "poll 0 ms"});
}

TEST_CASE("a completion interrupts a consume that waits", "[fetcher]") {
    Rig rig;
    rig.fetcher.wait_in(700ms, [&](delivery::Millis) {
        const runtime::Completion completion;
        rig.pipeline.completions.push(&completion, 1);
        rig.pipeline.completions.push(&completion, 1);
    });
    CHECK(rig.store.take_calls() == Calls{"interrupt"});
    rig.pipeline.completions.ring();
    CHECK(rig.store.take_calls().empty());
}

TEST_CASE("who takes nothing polls the client library, if it may be polled", "[fetcher]") {
    Rig rig;
    REQUIRE(rig.fetcher.wait_without_fetching(700ms, true));
    CHECK(rig.store.take_calls() == Calls{"poll 700 ms"});
    REQUIRE(rig.fetcher.wait_without_fetching(1ms, false));
    CHECK(rig.store.take_calls().empty());
    Rig without(Offers::no_poll);
    REQUIRE(without.fetcher.wait_without_fetching(1ms, true));
    CHECK(without.store.take_calls().empty());
}

// ---- Receiver

TEST_CASE("what is not ours, or is handed out again, does not reach the core", "[receiver]") {
    Core rig(of_log());
    runtime::Receiver receiver(rig.pipeline, rig.core, rig.assignments, false);
    rig.assignments.assign(partition("orders", 0, 2));
    CHECK(receiver.receive(message(7, 0, 2), 0));
    CHECK_FALSE(receiver.receive(message(7, 0, 2), 0));  // the offset is open already
    CHECK_FALSE(receiver.receive(message(8, 0, 1), 0));  // from the previous assignment
    CHECK_FALSE(receiver.receive(message(8, 1, 2), 0));  // from another partition
    CHECK(rig.core.counters().received == 1);
    CHECK(receiver.receive(message(8, 0, 2), 0));
    CHECK(rig.core.counters().received == 2);
}

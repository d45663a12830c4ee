// Since when work has waited for progress, and whether there is no work.
#include "runtime/progress.hpp"

#include <catch2/catch.hpp>

#include "fake_store.hpp"

using namespace volley::runtime;
using namespace std::chrono_literals;
using fake::Calls;
using fake::Store;
using Facts = StallWatch::Facts;

namespace {

constexpr auto stall_timeout = 8000ms;

Facts active() {
    Facts facts;
    facts.active = true;
    return facts;
}

Facts lagging() {
    Facts facts;
    facts.may_lag = true;
    return facts;
}

struct Stall {
    explicit Stall(Store& store) : input(fake::open_input(store)) { watch.start(1000ms); }
    auto waiting_since(const Facts& facts, std::chrono::milliseconds now) {
        return watch.waiting_since(facts, input, now);
    }
    Input input;
    StallWatch watch{stall_timeout};
};

Store with_stats(std::int64_t ready, std::int64_t delayed = 0) {
    Store store;
    store.inspect = true;
    store.ready = ready;
    store.delayed = delayed;
    return store;
}

}  // namespace

// ---- StallWatch

TEST_CASE("what is active waits since the last progress", "[progress]") {
    Store store;
    Stall stall(store);
    CHECK(stall.waiting_since(active(), 2000ms) == 1000ms);
    stall.watch.progress(3000ms);
    CHECK(stall.waiting_since(active(), 4000ms) == 3000ms);
    stall.watch.received(5000ms);
    CHECK(stall.waiting_since(active(), 6000ms) == 5000ms);
}

TEST_CASE("where nothing is active nothing waits, and what comes then waits from then on", "[progress]") {
    Store store;
    Stall stall(store);
    CHECK(stall.waiting_since({}, 9000ms) == 0ms);
    CHECK(stall.waiting_since(active(), 9500ms) == 9000ms);
}

TEST_CASE("the time that something excuses does not count", "[progress]") {
    Store store;
    Stall stall(store);
    Facts excused = active();
    excused.excused = true;
    CHECK(stall.waiting_since(excused, 5000ms) == 5000ms);
    CHECK(stall.waiting_since(active(), 6000ms) == 5000ms);
}

TEST_CASE("something that waits since the clock began waits, too", "[progress]") {
    Store store;
    Stall stall(store);
    stall.watch.start(0ms);
    CHECK(stall.waiting_since(active(), 10ms) == 1ms);
}

TEST_CASE("a log that has messages and brings none waits since the last that came", "[progress]") {
    Store store = with_stats(5);
    Stall stall(store);
    stall.watch.received(2000ms);
    // The store is asked only after half of stall_timeout.
    CHECK(stall.waiting_since(lagging(), 5999ms) == 0ms);
    CHECK(store.take_calls().empty());
    CHECK(stall.waiting_since(lagging(), 6000ms) == 2000ms);
    CHECK(store.take_calls() == Calls{"stats"});
}

TEST_CASE("the lag of a log is asked for once in an eighth of stall_timeout", "[progress]") {
    Store store = with_stats(5);
    Stall stall(store);
    stall.waiting_since(lagging(), 6000ms);
    store.take_calls();
    CHECK(stall.waiting_since(lagging(), 6999ms) == 1000ms);
    CHECK(store.take_calls().empty());
    store.ready = 0;
    CHECK(stall.waiting_since(lagging(), 7000ms) == 0ms);
    CHECK(store.take_calls() == Calls{"stats"});
}

TEST_CASE("a lag is forgotten when a message comes, and in an outage", "[progress]") {
    Store store = with_stats(5);
    Stall stall(store);
    CHECK(stall.waiting_since(lagging(), 6000ms) == 1000ms);
    Facts outage = lagging();
    outage.outage = outage.excused = true;
    CHECK(stall.waiting_since(outage, 6100ms) == 0ms);
    CHECK(stall.waiting_since(lagging(), 7000ms) == 1000ms);
    stall.watch.received(7100ms);
    CHECK(stall.waiting_since(lagging(), 7200ms) == 0ms);
}

TEST_CASE("a log that does not say how much it has does not lag", "[progress]") {
    for (Store store : {Store(), with_stats(-1)}) {
        Stall stall(store);
        CHECK(stall.waiting_since(lagging(), 100'000ms) == 0ms);
    }
}

// ---- IdleWatch

TEST_CASE("a store that has nothing, now or later, is idle", "[progress]") {
    struct Case {
        std::int64_t ready, delayed;
        bool idle;
    };
    // A store may not know how many messages are delayed.
    for (const Case c : {Case{0, 0, true}, Case{0, -1, true}, Case{3, 0, false}, Case{0, 1, false}}) {
        INFO(c.ready << " " << c.delayed);
        Store store = with_stats(c.ready, c.delayed);
        Input input = fake::open_input(store);
        IdleWatch watch;
        watch.start(1000ms);
        CHECK(watch.look(input, 1000ms) == c.idle);
    }
}

TEST_CASE("a store is asked ten times a second whether it has something", "[progress]") {
    Store store = with_stats(0);
    Input input = fake::open_input(store);
    IdleWatch watch;
    watch.start(1000ms);
    CHECK(watch.look(input, 1000ms) == true);
    CHECK(watch.look(input, 1099ms) == std::nullopt);
    CHECK(store.take_calls() == Calls{"stats"});
    CHECK(watch.look(input, 1100ms) == true);
    CHECK(store.take_calls() == Calls{"stats"});
}

TEST_CASE("a store that fails to say what it has is not idle", "[progress]") {
    Store store = with_stats(0);
    store.stats = VOLLEY_E_RETRY;
    Input input = fake::open_input(store);
    IdleWatch watch;
    watch.start(1000ms);
    CHECK(watch.look(input, 3000ms) == false);
    store.stats = VOLLEY_OK;
    CHECK(watch.look(input, 3100ms) == true);
}

TEST_CASE("a store that does not say what it has is idle after a second without a message", "[progress]") {
    for (Store store : {Store(), with_stats(-1)}) {
        Input input = fake::open_input(store);
        IdleWatch watch;
        watch.start(1000ms);
        CHECK(watch.look(input, 1999ms) == false);
        watch.busy(2000ms);
        CHECK(watch.look(input, 2999ms) == false);
        CHECK(watch.look(input, 3099ms) == true);
    }
}

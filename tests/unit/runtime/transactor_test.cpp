// How transactions are made with a store, and what its results mean.
#include "runtime/transactor.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"
#include "fake_store.hpp"
#include "runtime/schedule.hpp"

using namespace rig;
using namespace std::chrono_literals;
using fake::Calls;

namespace {

fake::Store that_is(bool atomic, bool posts) {
    fake::Store store;
    store.atomic = atomic;
    store.posts = posts;
    return store;
}

// A component whose input and one output are in one store.
struct Rig : Core {
    explicit Rig(fake::Store its) : store(std::move(its)) {
        assignments.use_one_lane();
        pipeline.output_queues.push_back(std::make_unique<runtime::OutputQueue>());
        output_queue().queue = "out";
        output_queue().producer = fake::made_producer(store);
        transactor.find();
    }
    explicit Rig(bool posts = false) : Rig(that_is(true, posts)) {}

    runtime::OutputQueue& output_queue() { return *pipeline.output_queues.front(); }
    // Receives and handles messages with one output each. Their handles ascend from 1.
    std::vector<Slot> handle(int count) {
        std::vector<Slot> slots;
        for (int i = 0; i < count; ++i) slots.push_back(receive(++messages, assignments.all().front().lane));
        take();
        for (const Slot slot : slots) {
            pipeline.contexts[slot].outputs.emplace_back();
            handled(slot, delivery::Verdict::ok, 1);
        }
        return slots;
    }
    bool run() { return transactor.run(runtime::now()).has_value(); }
    // Runs after the backoff.
    bool run_later() { return transactor.run(transactor.next()).has_value(); }

    std::uint64_t messages = 0;
    fake::Store store;
    runtime::Input input = fake::open_input(store);
    runtime::MessageFailureLog failures{pipeline};
    runtime::Transactor transactor{pipeline, core, input, failures};
};

}  // namespace

TEST_CASE("outputs and acks are one transaction where the store offers it", "[transactor]") {
    Rig rig;
    CHECK(rig.transactor.is_in_use());
    CHECK(rig.pipeline.transactions);
    rig.handle(2);
    CHECK(rig.run());
    CHECK(rig.store.take_calls() == Calls{"transaction 1 2"});
    CHECK(rig.core.counters().done == 2);
    CHECK(rig.output_queue().sent == 2);
    CHECK(rig.transactor.made_progress());
    CHECK_FALSE(rig.transactor.made_progress());
    CHECK(rig.transactor.next() == delivery::never);
    CHECK(rig.settlements().empty());
}

TEST_CASE("there are no transactions where the store does not offer them", "[transactor]") {
    Rig rig(that_is(false, false));
    CHECK_FALSE(rig.transactor.is_in_use());
    CHECK_FALSE(rig.pipeline.transactions);
    CHECK(rig.run());
    CHECK(rig.store.take_calls().empty());
}

TEST_CASE("a transaction that may succeed later is made again, the same, after a while", "[transactor]") {
    // VOLLEY_E_LOST without a lost ack is not conclusive.
    for (const std::int32_t status : {VOLLEY_E_RETRY, VOLLEY_E_UNKNOWN, VOLLEY_E_LOST}) {
        INFO(status);
        Rig rig;
        rig.store.transactions = {status, VOLLEY_OK};
        rig.handle(2);
        CHECK(rig.run());
        CHECK(rig.store.take_calls() == Calls{"transaction 1 2"});
        CHECK(rig.core.counters().done == 0);
        CHECK(rig.core.counters().released_by_lease == 0);
        CHECK_FALSE(rig.output_queue().up);
        rig.handle(1);
        CHECK(rig.transactor.run(rig.transactor.next() - 1ms));
        CHECK(rig.store.take_calls().empty());
        CHECK(rig.run_later());
        CHECK(rig.store.take_calls() == Calls{"transaction 1 2"});
        CHECK(rig.run_later());
        CHECK(rig.store.take_calls() == Calls{"transaction 3"});
        CHECK(rig.core.counters().done == 3);
        CHECK(rig.output_queue().up);
    }
}

TEST_CASE("messages that another has are released, and the others are committed", "[transactor]") {
    Rig rig;
    rig.store.transactions = {VOLLEY_E_LOST};
    rig.store.lost = {1};
    rig.handle(3);
    CHECK(rig.run());
    CHECK(rig.store.take_calls() == Calls{"transaction 1 2 3", "transaction 2 3"});
    CHECK(rig.core.counters().released_by_lease == 1);
    CHECK(rig.core.counters().done == 2);
    const auto settlements = rig.settlements();
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].handle == 1);
    CHECK(settlements[0].kind == delivery::SettlementKind::release);
}

TEST_CASE("a message that can never be stored is found, and the others are committed", "[transactor]") {
    for (const std::int32_t status : {VOLLEY_E_PERMANENT, VOLLEY_E_TOO_LARGE, VOLLEY_E_UNSUPPORTED}) {
        INFO(status);
        Rig rig;
        rig.store.transactions = {status, status};
        const auto slots = rig.handle(2);
        CHECK(rig.run());
        CHECK(rig.store.take_calls() == Calls{"transaction 1 2", "transaction 1", "transaction 2"});
        CHECK(rig.core.counters().done == 1);
        CHECK(rig.core.failed_slot() == slots[0]);  // on_fail is stop
        CHECK(rig.pipeline.contexts[slots[0]].last_error ==
              "output to \"out\": fake.so:Store: as the test says");
        CHECK(rig.output_queue().up);
    }
}

TEST_CASE("a connector that cannot go on is an error, and nothing is done", "[transactor]") {
    for (const ErrorCode code : {ErrorCode::fatal, ErrorCode::fenced, ErrorCode::unauthorized}) {
        Rig rig;
        rig.store.transactions = {static_cast<std::int32_t>(code)};
        rig.handle(1);
        const auto run = rig.transactor.run(runtime::now());
        REQUIRE_FALSE(run);
        CHECK(run.error().code == code);
        CHECK(rig.core.counters().done == 0);
        CHECK_FALSE(rig.transactor.is_empty());
    }
}

TEST_CASE("a posted transaction is done when its outcome is there", "[transactor]") {
    Rig rig(true);
    rig.store.transactions = {VOLLEY_PENDING};
    rig.handle(1);
    CHECK(rig.run());
    CHECK(rig.store.take_calls() == Calls{"post 1", "outcome 1"});
    CHECK(rig.transactor.has_posted());
    CHECK(rig.core.counters().done == 0);
    CHECK(rig.run());
    CHECK(rig.store.take_calls() == Calls{"outcome 1"});
    CHECK_FALSE(rig.transactor.has_posted());
    CHECK(rig.core.counters().done == 1);
}

TEST_CASE("a posted transaction whose outcome is not known is committed", "[transactor]") {
    Rig rig(true);
    rig.store.transactions = {VOLLEY_E_UNKNOWN};
    rig.handle(1);
    CHECK(rig.run());
    CHECK(rig.store.take_calls() == Calls{"post 1", "outcome 1", "transaction 1"});
    CHECK(rig.core.counters().done == 1);
}

TEST_CASE("a connector that cannot go on with what was posted is an error", "[transactor]") {
    Rig rig(true);
    rig.store.transactions = {VOLLEY_E_FENCED};
    rig.handle(1);
    const auto run = rig.transactor.run(runtime::now());
    REQUIRE_FALSE(run);
    CHECK(run.error().code == ErrorCode::fenced);
    CHECK(rig.core.counters().done == 0);
}

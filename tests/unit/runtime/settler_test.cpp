// How finished messages are settled and committed, and what the results of the store mean.
#include "runtime/settler.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"
#include "fake_store.hpp"

using namespace rig;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using fake::Calls;

namespace {

constexpr delivery::Instant start = 1000ms;
constexpr delivery::Instant later = 60'000ms;  // after every backoff

// A queue: each message is settled individually.
struct Queue : Core {
    explicit Queue(const delivery::Options& options = unordered()) : Core(options) {
        assignments.use_one_lane();
    }
    delivery::Lane lane() const { return assignments.all().front().lane; }
    Result<bool> settle_later() {
        core.tick(later);
        return settler.settle(later);
    }

    fake::Store store;
    runtime::Input input = fake::open_input(store);
    runtime::Settler settler{pipeline, core, input};
};

// A log: one offset per partition is committed.
struct Log : Core {
    Log() : Core(of_log()), orders(assignments.assign(partition("orders", 0, 3)).lane) {}
    void done(std::int64_t offset) { Core::done(++last_handle, orders, offset); }
    Result<bool> commit(delivery::Instant now) { return committer.commit(now); }

    fake::Store store{with_log()};
    runtime::Input input = fake::open_input(store);
    runtime::OffsetCommitter committer{pipeline, core, input, assignments};
    delivery::Lane orders;
    std::uint64_t last_handle = 0;

private:
    static fake::Store with_log() {
        fake::Store store;
        store.log = store.partitions = true;
        return store;
    }
};

delivery::Options that_requeue() {
    delivery::Options options = unordered();
    options.on_permanent = delivery::FailureAction::requeue;
    return options;
}

}  // namespace

// ---- settlements

TEST_CASE("nothing finished, nothing settled", "[settler]") {
    Queue queue;
    queue.receive(7, queue.lane());
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls().empty());
}

TEST_CASE("finished messages are acked in one call, once", "[settler]") {
    Queue queue;
    queue.done(7, queue.lane());
    queue.done(8, queue.lane());
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 7 ack, 8 ack"});
    CHECK(queue.core.is_idle());
    CHECK(*queue.settle_later());
    CHECK(queue.store.take_calls().empty());
    CHECK(queue.pipeline.last_success_seconds.load() > 0);
}

TEST_CASE("a message that is given back is nacked with its delay and its cause", "[settler]") {
    Queue queue(that_requeue());
    const Slot slot = queue.receive(7, queue.lane());
    queue.take();
    queue.pipeline.contexts[slot].explain(VOLLEY_REASON_HANDLER_FAIL, "no such customer");
    queue.handled(slot, delivery::Verdict::fail);
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 7 nack in 30000 ms: no such customer"});
    CHECK(queue.pipeline.last_success_seconds.load() == 0);
}

TEST_CASE("a message that is dropped is acked with its cause", "[settler]") {
    delivery::Options options = unordered();
    options.on_permanent = delivery::FailureAction::drop;
    Queue queue(options);
    const Slot slot = queue.receive(7, queue.lane());
    queue.take();
    queue.pipeline.contexts[slot].explain(VOLLEY_REASON_HANDLER_FAIL, "no such customer");
    queue.handled(slot, delivery::Verdict::fail);
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 7 ack: no such customer"});
}

TEST_CASE("a stop releases what has not started, and acks nothing of it", "[settler]") {
    Queue queue;
    const Slot slot = queue.receive(7, queue.lane());
    queue.take();
    queue.receive(8, queue.lane());
    queue.core.stop();
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 8 release"});
    queue.handled(slot);
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 7 ack"});
    CHECK(queue.core.is_idle());
}

TEST_CASE("a settlement whose result is RETRY, or was not set, is settled again later", "[settler]") {
    for (const std::int32_t result : {std::int32_t{VOLLEY_E_RETRY}, fake::unset}) {
        INFO(result);
        Queue queue;
        queue.store.results = {result};
        queue.done(7, queue.lane());
        queue.done(8, queue.lane());
        CHECK(*queue.settler.settle(start));
        CHECK_FALSE(queue.core.is_idle());
        CHECK(*queue.settler.settle(start));
        CHECK(queue.store.take_calls() == Calls{"settle 7 ack, 8 ack"});
        queue.store.results.clear();
        CHECK(*queue.settle_later());
        CHECK(queue.store.take_calls() == Calls{"settle 7 ack"});
        CHECK(queue.core.is_idle());
        CHECK(queue.core.counters().lost == 0);
    }
}

TEST_CASE("a settlement that is lost, or may be, is over and counts as lost", "[settler]") {
    for (const std::int32_t result : {VOLLEY_E_LOST, VOLLEY_E_UNKNOWN}) {
        INFO(result);
        Queue queue;
        queue.store.results = {result};
        queue.done(7, queue.lane());
        CHECK(*queue.settler.settle(start));
        CHECK(queue.core.is_idle());
        CHECK(queue.core.counters().lost == 1);
        CHECK(queue.pipeline.last_success_seconds.load() == 0);
    }
}

TEST_CASE("a settlement that is refused for good is an error; the others are settled", "[settler]") {
    for (const std::int32_t result : {std::int32_t{VOLLEY_E_FATAL}, std::int32_t{VOLLEY_E_PERMANENT}, 99}) {
        INFO(result);
        Queue queue;
        queue.store.results = {result};
        queue.done(7, queue.lane());
        queue.done(8, queue.lane());
        const auto settled = queue.settler.settle(start);
        REQUIRE_FALSE(settled);
        CHECK_THAT(settled.error().text, Contains("a message could not be settled"));
        CHECK(queue.core.is_idle());
        CHECK(queue.core.counters().lost == 1);
    }
}

TEST_CASE("what a settle call that failed for now was given is settled again", "[settler]") {
    for (const std::int32_t status : {VOLLEY_E_RETRY, VOLLEY_E_UNKNOWN, VOLLEY_E_LOST}) {
        INFO(status);
        Queue queue;
        queue.store.settle = status;
        queue.done(7, queue.lane());
        queue.done(8, queue.lane());
        const auto settled = queue.settler.settle(start);
        REQUIRE(settled);
        CHECK_FALSE(*settled);
        queue.store.settle = VOLLEY_OK;
        queue.store.take_calls();
        // Their backoffs differ, so their order may differ, too.
        CHECK(*queue.settle_later());
        const Calls calls = queue.store.take_calls();
        CHECK((calls == Calls{"settle 7 ack, 8 ack"} || calls == Calls{"settle 8 ack, 7 ack"}));
        CHECK(queue.core.is_idle());
    }
}

TEST_CASE("a settle call that fails for good is an error, and settles nothing", "[settler]") {
    Queue queue;
    queue.store.settle = VOLLEY_E_FENCED;
    queue.done(7, queue.lane());
    const auto settled = queue.settler.settle(start);
    REQUIRE_FALSE(settled);
    CHECK(settled.error().code == ErrorCode::fenced);
    CHECK_FALSE(queue.core.is_idle());
}

TEST_CASE("an input that was given up settles nothing", "[settler]") {
    Queue queue;
    queue.done(7, queue.lane());
    queue.input.give_up();
    CHECK(*queue.settler.settle(start));
    queue.settler.release(8);
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls().empty());
    CHECK_FALSE(queue.core.is_idle());
}

TEST_CASE("a delivery that the core does not know is released, until the consumer says that it is closed",
          "[settler]") {
    Queue queue;
    queue.settler.release(8);
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 8 release"});
    CHECK_FALSE(queue.settler.has_releases());
}

TEST_CASE("a release that the store does not take now is made again", "[settler]") {
    Queue queue;
    queue.store.results = {VOLLEY_OK, VOLLEY_E_RETRY};
    queue.done(7, queue.lane());
    queue.settler.release(8);
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 7 ack, 8 release"});
    CHECK(queue.core.is_idle());
    CHECK(queue.settler.has_releases());
    queue.store.results = {};
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 8 release"});
    CHECK_FALSE(queue.settler.has_releases());
}

TEST_CASE("a release that fails as a whole is made again, and an unknown result is the connector's fault",
          "[settler]") {
    Queue queue;
    queue.settler.release(8);
    queue.settler.release(9);
    queue.store.results = {VOLLEY_E_RETRY, VOLLEY_E_LOST};
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 8 release, 9 release"});
    queue.store.results = {};
    queue.store.settle = VOLLEY_E_RETRY;
    CHECK_FALSE(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 8 release"});
    queue.store.settle = VOLLEY_OK;
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls() == Calls{"settle 8 release"});
    CHECK(*queue.settler.settle(start));
    CHECK(queue.store.take_calls().empty());
    queue.settler.release(10);
    queue.store.results = {99};
    const auto settled = queue.settler.settle(start);
    REQUIRE_FALSE(settled);
    CHECK(settled.error().code == ErrorCode::fatal);
}

// ---- offsets

TEST_CASE("the offset behind the finished messages is committed, for the assignment's epoch", "[settler]") {
    Log log;
    log.done(100);
    log.done(105);
    CHECK(*log.commit(start));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 106"});
}

TEST_CASE("a commit never passes an unfinished message", "[settler]") {
    Log log;
    log.done(100);
    const Slot unfinished = log.receive(50, log.orders, 101);
    const Slot behind = log.receive(51, log.orders, 102);
    log.take();
    log.handled(behind);
    CHECK(*log.commit(start));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 101"});
    log.handled(unfinished);
    CHECK(*log.commit(start + 100ms));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 103"});
}

TEST_CASE("offsets are committed at most ten times a second", "[settler]") {
    Log log;
    CHECK(log.committer.next() == delivery::never);
    log.done(100);
    CHECK(*log.commit(start));
    log.done(101);
    CHECK(log.committer.next() == start + 100ms);
    CHECK(*log.commit(start + 99ms));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 101"});
    CHECK(*log.commit(start + 100ms));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 102"});
}

TEST_CASE("where nothing is new nothing is committed, but what is under way can be waited for", "[settler]") {
    Log log;
    log.done(100);
    CHECK(*log.commit(start));
    log.store.take_calls();
    CHECK(*log.commit(start + 200ms));
    CHECK(log.store.take_calls().empty());
    CHECK(*log.committer.commit_and_wait(start + 200ms, 500ms));
    CHECK(log.store.take_calls() == Calls{"commit, wait"});
}

TEST_CASE("a commit that is waited for is made at once", "[settler]") {
    Log log;
    log.done(100);
    CHECK(*log.commit(start));
    log.done(101);
    log.store.take_calls();
    CHECK(*log.committer.commit_and_wait(start + 1ms, 500ms));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 102, wait"});
}

TEST_CASE("offsets of a commit that failed are committed again", "[settler]") {
    Log log;
    log.store.commit = VOLLEY_E_RETRY;
    log.done(100);
    const auto committed = log.commit(start);
    REQUIRE(committed);
    CHECK_FALSE(*committed);
    log.store.commit = VOLLEY_OK;
    log.store.take_calls();
    CHECK(*log.commit(start + 100ms));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 3 at 101"});
    CHECK(log.committer.next() == delivery::never);
}

TEST_CASE("a commit that fails for good is an error", "[settler]") {
    Log log;
    log.store.commit = VOLLEY_E_FENCED;
    log.done(100);
    const auto committed = log.commit(start);
    REQUIRE_FALSE(committed);
    CHECK(committed.error().code == ErrorCode::fenced);
    CHECK_THAT(committed.error().text, Contains("offsets cannot be committed: "));
}

TEST_CASE("that an assignment is over is no failure of the commit", "[settler]") {
    Log log;
    log.store.commit = VOLLEY_E_LOST;
    log.done(100);
    CHECK(*log.commit(start));
    CHECK(log.committer.next() == delivery::never);
}

TEST_CASE("nothing is committed of a partition that is gone", "[settler]") {
    Log log;
    log.done(100);
    log.assignments.end(runtime::Assignment(log.assignments.all().front()));
    CHECK(*log.commit(start));
    CHECK(log.store.take_calls().empty());
}

TEST_CASE("what was done in an old assignment is not committed in the new one", "[settler]") {
    Log log;
    log.done(100);
    log.orders = log.assignments.assign(partition("orders", 0, 4)).lane;
    CHECK(*log.commit(start));
    CHECK(log.store.take_calls().empty());
    log.done(7);
    CHECK(*log.commit(start + 100ms));
    CHECK(log.store.take_calls() == Calls{"commit orders/0 epoch 4 at 8"});
}

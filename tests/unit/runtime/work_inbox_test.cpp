// How work reaches a worker, and what wakes it.
#include "runtime/work_inbox.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

using namespace volley::runtime;
using volley::delivery::Millis;
using volley::delivery::WorkItem;

namespace {

constexpr Nanoseconds never = Nanoseconds::max();

void give(WorkInbox& inbox, std::uint32_t slot) {
    std::vector<WorkItem> batch(1);
    batch.front().slot = slot;
    inbox.give(batch);
}

}  // namespace

TEST_CASE("batches come one by one in their order, and the end after them", "[work_inbox]") {
    WorkInbox inbox([] { FAIL("nobody polls"); });
    give(inbox, 1);
    give(inbox, 2);
    inbox.finish(Millis(7));
    std::vector<WorkItem> batch;
    REQUIRE(inbox.take(batch));
    CHECK(batch.front().slot == 1);
    REQUIRE(inbox.take(batch));
    CHECK(batch.front().slot == 2);
    CHECK_FALSE(inbox.take(batch));
    CHECK(inbox.close_timeout() == Millis(7));
}

TEST_CASE("the memory of a batch goes back to the intake", "[work_inbox]") {
    WorkInbox inbox([] {});
    std::vector<WorkItem> given(3);
    const WorkItem* const memory = given.data();
    inbox.give(given);
    CHECK(given.empty());
    Batches batches;
    inbox.take_all(batches);
    REQUIRE(batches.size() == 1);
    inbox.take_all(batches);
    CHECK(batches.empty());
    std::vector<WorkItem> next(1);
    inbox.give(next);
    CHECK(next.empty());
    next.resize(3);
    CHECK(next.data() == memory);
}

TEST_CASE("a wake that came before the wait ends it, once", "[work_inbox]") {
    WorkInbox inbox([] { FAIL("nobody polls"); });
    inbox.wake();
    inbox.wait(false, never);
    Batches batches;
    CHECK_FALSE(inbox.take_all(batches));
    inbox.wait(false, monotonic());  // the deadline ends this one
    inbox.finish(Millis(0));
    inbox.wait(false, monotonic());
    inbox.wait(true, never);  // an idle worker waits for the end, too
    CHECK(inbox.take_all(batches));
}

TEST_CASE("a worker that waits in its handler is interrupted, and by nothing before or after",
          "[work_inbox]") {
    int interrupts = 0;
    WorkInbox inbox([&] { ++interrupts; });
    REQUIRE(inbox.begin_poll());
    SECTION("by work") { give(inbox, 1); }
    SECTION("by a message that has ended") {
        inbox.wake();
        inbox.wake();  // it knows
    }
    SECTION("by the end") { inbox.finish(Millis(0)); }
    CHECK(interrupts == 1);
    inbox.end_poll();
    give(inbox, 2);
    inbox.wake();
    inbox.finish(Millis(0));
    CHECK(interrupts == 1);
}

TEST_CASE("a worker does not wait in its handler while there is work", "[work_inbox]") {
    WorkInbox inbox([] {});
    SECTION("a batch") { give(inbox, 1); }
    SECTION("a message that has ended") { inbox.wake(); }
    CHECK_FALSE(inbox.begin_poll());
}

TEST_CASE("work wakes a worker that waits", "[work_inbox]") {
    WorkInbox inbox([] {});
    std::vector<WorkItem> batch;
    std::thread worker([&] { inbox.take(batch); });
    give(inbox, 5);
    worker.join();
    REQUIRE(batch.size() == 1);
    CHECK(batch.front().slot == 5);
}

// Which of the messages that wait a pass looks at, and what may overtake what.
#include "runtime/waiting_messages.hpp"

#include <catch2/catch.hpp>

using namespace volley::runtime;
using volley::delivery::OrderingGroup;
using volley::delivery::Slot;

namespace {

void add(WaitingMessages& waiting, Slot slot, OrderingGroup group = volley::delivery::no_group,
         std::uint32_t bytes = 0, Nanoseconds since = Nanoseconds(0)) {
    WaitingMessage message;
    message.item.slot = slot;
    message.item.group = group;
    message.bytes = bytes;
    message.since = since;
    waiting.add(message);
}

}  // namespace

TEST_CASE("what is taken leaves, and its bytes no longer count", "[waiting_messages]") {
    WaitingMessages waiting;
    CHECK(waiting.oldest() == Nanoseconds(0));
    add(waiting, 1, 7, 100, Nanoseconds(5));
    add(waiting, 2, 8, 20, Nanoseconds(6));
    CHECK(waiting.bytes() == 120);
    CHECK(waiting.oldest() == Nanoseconds(5));
    waiting.begin_pass();
    REQUIRE(waiting.next() != nullptr);
    CHECK(waiting.next()->item.slot == 1);
    waiting.take();
    CHECK(waiting.bytes() == 20);
    CHECK(waiting.oldest() == Nanoseconds(6));
    CHECK(waiting.next()->item.slot == 2);
    waiting.take();
    CHECK(waiting.next() == nullptr);
    CHECK(waiting.size() == 0);
}

TEST_CASE("behind a message that stays nothing of its group may start", "[waiting_messages]") {
    WaitingMessages waiting;
    add(waiting, 1, 7);
    add(waiting, 2, 8);
    add(waiting, 3, 7);
    waiting.begin_pass();
    CHECK_FALSE(waiting.is_blocked());
    waiting.keep();
    CHECK(waiting.next()->item.slot == 2);
    CHECK_FALSE(waiting.is_blocked());
    waiting.take();
    CHECK(waiting.next()->item.slot == 3);
    CHECK(waiting.is_blocked());
    waiting.keep();
    CHECK(waiting.next() == nullptr);
    waiting.begin_pass();  // the next pass looks at all again
    CHECK(waiting.next()->item.slot == 1);
    CHECK_FALSE(waiting.is_blocked());
}

TEST_CASE("a pass ends when too many messages stay", "[waiting_messages]") {
    WaitingMessages waiting;
    for (Slot slot = 0; slot < 1000; ++slot) add(waiting, slot, slot);
    waiting.begin_pass();
    int kept = 0;
    for (; waiting.next() != nullptr; ++kept) waiting.keep();
    CHECK(kept == 256);
    CHECK(waiting.size() == 1000);
}

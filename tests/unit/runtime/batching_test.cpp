// When the messages that wait are a batch.
#include "runtime/batching.hpp"

#include <catch2/catch.hpp>

using namespace volley::runtime;
using namespace std::chrono_literals;

namespace {

Batching batching(std::uint32_t most_open = 1) {
    return {volley::BatchConfig{3, volley::Milliseconds(200), 1000}, most_open};
}

}  // namespace

TEST_CASE("a batch starts when it has its messages, its bytes or its time", "[batching]") {
    Batching b = batching();
    CHECK_FALSE(b.is_due(0, 0, 0ns, 1s, true));
    CHECK(b.due() == Nanoseconds::max());
    CHECK_FALSE(b.is_due(2, 999, 100ms, 299ms, false));
    CHECK(b.due() == 300ms);
    CHECK(b.is_due(2, 999, 100ms, 300ms, false));
    CHECK(b.is_due(3, 0, 100ms, 100ms, false));
    CHECK(b.is_due(1, 1000, 100ms, 100ms, false));
    CHECK(b.is_due(1, 1, 100ms, 100ms, true));
}

TEST_CASE("a batch takes messages up to its limits, and one message of any size", "[batching]") {
    const Batching b = batching();
    CHECK(b.takes(0, 0, 5000));
    CHECK(b.takes(1, 400, 600));
    CHECK_FALSE(b.takes(1, 400, 601));
    CHECK_FALSE(b.takes(3, 0, 0));
}

TEST_CASE("no batch starts while the handler has as many as it may have", "[batching]") {
    Batching b = batching(2);
    b.begin({0});
    b.begin({1, 2});
    CHECK_FALSE(b.is_due(3, 0, 0ns, 1s, true));
    CHECK(b.due() == Nanoseconds::max());
    b.ended(1);
    b.ended(1);  // it is in no batch now
    CHECK_FALSE(b.is_due(3, 0, 0ns, 1s, false));
    b.ended(0);
    CHECK(b.is_due(3, 0, 0ns, 1s, false));
    b.begin({0});
    CHECK_FALSE(b.is_due(3, 0, 0ns, 1s, false));
    b.ended(2);
    CHECK(b.is_due(3, 0, 0ns, 1s, false));
}

TEST_CASE("a message that is in no batch ends none", "[batching]") {
    Batching b = batching();
    b.ended(7);
    b.begin({1});
    b.ended(0);
    b.ended(7);
    CHECK_FALSE(b.is_due(3, 0, 0ns, 1s, false));
}

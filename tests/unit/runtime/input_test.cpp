// The order of calls to a consumer.
#include "runtime/input.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"
#include "fake_store.hpp"
#include "volley/view.hpp"

using namespace rig;
using namespace std::chrono_literals;
using fake::Calls;

TEST_CASE("a consumer that was not opened is not closed", "[input]") {
    fake::Store store;
    runtime::Input input = fake::made_input(store);
    CHECK_FALSE(input.is_open());
    CHECK(input.close(100ms));
    CHECK(store.take_calls().empty());
}

TEST_CASE("a consumer is closed once", "[input]") {
    fake::Store store;
    runtime::Input input = fake::open_input(store);
    CHECK(input.close(100ms));
    CHECK(input.close(100ms));
    CHECK(store.take_calls() == Calls{"close"});
    CHECK_FALSE(input.is_open());
}

TEST_CASE("a consumer that was given up is closed, and nothing else", "[input]") {
    fake::Store store;
    store.inspect = true;
    runtime::Input input = fake::open_input(store);
    input.give_up();
    CHECK_FALSE(input.is_open());
    CHECK_FALSE(input.stats());
    CHECK(input.close(100ms));
    CHECK(store.take_calls() == Calls{"close"});
}

TEST_CASE("an input has what its consumer offers", "[input]") {
    fake::Store queue;
    const runtime::Input plain = fake::open_input(queue);
    CHECK_FALSE(plain.has_partitions());
    CHECK_FALSE(plain.has_offsets());
    CHECK_FALSE(plain.has_stats());
    fake::Store store;
    store.log = store.partitions = store.inspect = true;
    const runtime::Input log = fake::open_input(store);
    CHECK(log.has_partitions());
    CHECK(log.has_offsets());
    CHECK(log.has_stats());
}

TEST_CASE("of many partitions those with the greatest lag are told, by number", "[input]") {
    fake::Store store;
    const std::string topic = "orders";
    constexpr std::int32_t many = 5000;
    for (std::int32_t p = many - 1; p >= 0; --p)
        store.lags.push_back({volley::view_of(topic), p, 0, p % 1000});
    runtime::Input input = fake::open_input(store);
    const auto lags = input.lags();
    REQUIRE(lags);
    CHECK(lags->assigned == many);
    REQUIRE(lags->partitions.size() == 100);
    std::int32_t before = -1;
    for (const runtime::PartitionLag& one : lags->partitions) {
        CHECK(one.source == topic);
        CHECK(one.lag == one.partition % 1000);
        CHECK(one.lag >= 900);
        CHECK(one.partition > before);
        before = one.partition;
    }
    fake::Store without;
    CHECK_FALSE(fake::open_input(without).lags());
}

TEST_CASE("what a store does not know of itself is -1", "[input]") {
    fake::Store store;
    store.inspect = true;
    store.ready = 3;
    runtime::Input input = fake::open_input(store);
    const auto stats = input.stats();
    REQUIRE(stats);
    CHECK(stats->ready == 3);
    CHECK(stats->delayed == -1);
    CHECK(stats->in_flight == -1);
}

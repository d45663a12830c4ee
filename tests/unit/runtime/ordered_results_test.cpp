// Results are handed on in the order of their ordering groups.
#include "runtime/ordered_results.hpp"

#include <catch2/catch.hpp>

using namespace volley::runtime;
using volley::delivery::OrderingGroup;
using volley::delivery::Slot;
using volley::delivery::Verdict;
using volley::delivery::WorkItem;

namespace {

WorkItem item(Slot slot, OrderingGroup group = volley::delivery::no_group) {
    WorkItem item;
    item.slot = slot;
    item.group = group;
    return item;
}

std::vector<Slot> end(OrderedResults& results, Place place) {
    std::vector<OrderedResult> out;
    results.end(place, {Verdict::ok}, out);
    std::vector<Slot> slots;
    for (const OrderedResult& result : out) slots.push_back(result.item.slot);
    return slots;
}

}  // namespace

TEST_CASE("a message without a group waits for no other", "[ordered_results]") {
    OrderedResults results;
    const Place first = results.add(item(10));
    const Place second = results.add(item(11));
    CHECK_FALSE(results.has(volley::delivery::no_group));
    CHECK(end(results, second) == std::vector<Slot>{11});
    CHECK(end(results, first) == std::vector<Slot>{10});
    CHECK(results.size() == 0);
}

TEST_CASE("messages of a group come out in their order, in whichever they end", "[ordered_results]") {
    OrderedResults results;
    const Place a = results.add(item(1, 5));
    const Place b = results.add(item(2, 5));
    const Place other = results.add(item(9, 6));
    const Place c = results.add(item(3, 5));
    CHECK(end(results, c).empty());
    CHECK(end(results, b).empty());
    CHECK(end(results, other) == std::vector<Slot>{9});
    CHECK(results.has(5));
    CHECK_FALSE(results.has(6));
    CHECK(end(results, a) == std::vector<Slot>{1, 2, 3});
    CHECK_FALSE(results.has(5));
    CHECK(results.size() == 0);
}

TEST_CASE("one that comes behind others of its group waits for the last of them", "[ordered_results]") {
    OrderedResults results;
    const Place a = results.add(item(1, 5));
    const Place b = results.add(item(2, 5));
    CHECK(end(results, a) == std::vector<Slot>{1});
    const Place c = results.add(item(3, 5));
    CHECK(end(results, c).empty());
    CHECK(end(results, b) == std::vector<Slot>{2, 3});
}

TEST_CASE("a place is used again, and nothing is left of what was in it", "[ordered_results]") {
    OrderedResults results;
    const Place a = results.add(item(1, 5));
    const Place b = results.add(item(2, 5));
    CHECK(end(results, b).empty());
    CHECK(end(results, a) == std::vector<Slot>{1, 2});
    const Place c = results.add(item(3, 6));
    const Place d = results.add(item(4, 5));
    CHECK(std::max(c, d) <= std::max(a, b));
    CHECK(results[c].slot == 3);
    CHECK(end(results, d) == std::vector<Slot>{4});
    CHECK(end(results, c) == std::vector<Slot>{3});
}

// Which lane of the core a message belongs to, and when it belongs to none.
#include "runtime/assignments.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "core_rig.hpp"

using namespace rig;
using runtime::Assignment;
using runtime::Assignments;

namespace {

volley_message message_of(const char* source, std::int32_t number, std::uint32_t epoch = 1) {
    volley_message message{};
    message.source = volley_text(source);
    message.partition = number;
    message.epoch = epoch;
    return message;
}

// Returns the lane of a message, or no_lane.
constexpr delivery::Lane no_lane = ~delivery::Lane{0};
delivery::Lane lane(Assignments& assignments, const char* source, std::int32_t number,
                    std::uint32_t epoch = 1) {
    const delivery::Lane* found = assignments.lane_of(message_of(source, number, epoch));
    return found == nullptr ? no_lane : *found;
}

}  // namespace

TEST_CASE("a message's lane is that of its source and partition", "[assignments]") {
    Core rig(of_log());
    Assignments& assignments = rig.assignments;
    const delivery::Lane orders0 = assignments.assign(partition("orders", 0)).lane;
    const delivery::Lane orders1 = assignments.assign(partition("orders", 1)).lane;
    const delivery::Lane bills0 = assignments.assign(partition("bills", 0)).lane;
    for (int again = 0; again < 2; ++again) {
        CHECK(lane(assignments, "orders", 0) == orders0);
        CHECK(lane(assignments, "bills", 0) == bills0);
        CHECK(lane(assignments, "orders", 1) == orders1);
    }
    CHECK(lane(assignments, "orders", 2) == no_lane);
    CHECK(lane(assignments, "parcels", 0) == no_lane);
    CHECK(std::set{orders0, orders1, bills0}.size() == 3);
}

TEST_CASE("a source is known by its text, too, whatever its pointer is", "[assignments]") {
    Core rig(of_log());
    const delivery::Lane assigned = rig.assignments.assign(partition("orders", 0)).lane;
    const std::string copy = "orders";
    CHECK(lane(rig.assignments, copy.c_str(), 0) == assigned);
}

TEST_CASE("a message of an older or newer assignment has no lane", "[assignments]") {
    Core rig(of_log());
    const delivery::Lane assigned = rig.assignments.assign(partition("orders", 0, 2)).lane;
    CHECK(lane(rig.assignments, "orders", 0, 1) == no_lane);
    CHECK(lane(rig.assignments, "orders", 0, 3) == no_lane);
    CHECK(lane(rig.assignments, "orders", 0, 2) == assigned);
}

TEST_CASE("a partition that is assigned anew gets a new lane, and the old one ends", "[assignments]") {
    Core rig(of_log());
    const delivery::Lane old = rig.assignments.assign(partition("orders", 0, 1)).lane;
    rig.receive(7, old, 100);
    const delivery::Lane anew = rig.assignments.assign(partition("orders", 0, 2)).lane;
    CHECK(anew != old);
    CHECK(rig.assignments.all().size() == 1);
    CHECK(rig.assignments.of_lane(old) == nullptr);
    CHECK(lane(rig.assignments, "orders", 0, 1) == no_lane);
    CHECK(lane(rig.assignments, "orders", 0, 2) == anew);
    // Messages that were open in the old lane are released. The new lane starts at any offset.
    const auto settlements = rig.settlements();
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].handle == 7);
    CHECK(settlements[0].kind == delivery::SettlementKind::release);
    CHECK(rig.receive(8, anew, 100) != delivery::no_slot);
}

TEST_CASE("the end of one assignment ends its lane and leaves the others", "[assignments]") {
    Core rig(of_log());
    const Assignment first = rig.assignments.assign(partition("orders", 0));
    const Assignment second = rig.assignments.assign(partition("orders", 1));
    const Assignment third = rig.assignments.assign(partition("orders", 2));
    rig.receive(1, first.lane, 0);
    rig.receive(2, second.lane, 0);
    CHECK(lane(rig.assignments, "orders", 1) == second.lane);
    rig.assignments.end(second);
    CHECK(lane(rig.assignments, "orders", 1) == no_lane);
    CHECK(rig.assignments.find("orders", 1) == nullptr);
    CHECK(lane(rig.assignments, "orders", 0) == first.lane);
    CHECK(lane(rig.assignments, "orders", 2) == third.lane);
    const auto settlements = rig.settlements();
    REQUIRE(settlements.size() == 1);
    CHECK(settlements[0].handle == 2);
    CHECK(settlements[0].kind == delivery::SettlementKind::release);
}

TEST_CASE("an assignment is found by its partition and by its lane", "[assignments]") {
    Core rig(of_log());
    const Assignment assigned = rig.assignments.assign(partition("orders", 3, 9));
    REQUIRE(rig.assignments.find("orders", 3) != nullptr);
    CHECK(rig.assignments.find("orders", 3)->epoch == 9);
    CHECK(rig.assignments.find("orders", 4) == nullptr);
    CHECK(rig.assignments.find("bills", 3) == nullptr);
    REQUIRE(rig.assignments.of_lane(assigned.lane) != nullptr);
    CHECK(rig.assignments.of_lane(assigned.lane)->partition == 3);
    const volley_partition named = partition_of(assigned, 17);
    CHECK(text_of(named.source) == "orders");
    CHECK(named.partition == 3);
    CHECK(named.epoch == 9);
    CHECK(named.offset == 17);
}

TEST_CASE("a store without partitions has one lane for everything", "[assignments]") {
    Core rig;
    CHECK_FALSE(rig.assignments.was_assigned());
    rig.assignments.use_one_lane();
    CHECK(rig.assignments.was_assigned());
    CHECK(lane(rig.assignments, "orders", -1, 0) == rig.assignments.all().front().lane);
    CHECK(lane(rig.assignments, "bills", 5, 7) == rig.assignments.all().front().lane);
}

TEST_CASE("that a partition was assigned is known after it is gone", "[assignments]") {
    Core rig(of_log());
    rig.assignments.end(Assignment(rig.assignments.assign(partition("orders", 0))));
    CHECK(rig.assignments.all().empty());
    CHECK(rig.assignments.was_assigned());
}

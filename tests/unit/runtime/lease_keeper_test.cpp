// When and for which messages leases are extended, and what the results mean.
#include "runtime/lease_keeper.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"
#include "fake_store.hpp"

using namespace rig;
using namespace std::chrono_literals;
using fake::Calls;

namespace {

struct Rig : Core {
    explicit Rig(bool leases = true) : store(with(leases)) {
        assignments.use_one_lane();
        keeper.attach(input.consumer());
    }
    Slot receive(std::uint64_t handle) { return Core::receive(handle, assignments.all().front().lane); }
    bool keep(delivery::Instant now) { return keeper.keep(input.consumer(), core, now).has_value(); }

    fake::Store store;
    runtime::Input input = fake::open_input(store);
    runtime::LeaseKeeper keeper;

private:
    static fake::Store with(bool leases) {
        fake::Store store;
        store.leases = leases;
        return store;
    }
};

}  // namespace

TEST_CASE("leases are extended when a third of them is over, again and again", "[leases]") {
    Rig rig;
    rig.receive(7);
    rig.receive(8);
    rig.keeper.saw(30'000, 1000ms);
    CHECK(rig.keep(10'999ms));
    CHECK(rig.store.take_calls().empty());
    CHECK(rig.keep(11'000ms));
    CHECK(rig.store.take_calls() == Calls{"extend 7 8"});
    CHECK(rig.keeper.next() == 21'000ms);
    CHECK(rig.keep(21'000ms));
    CHECK(rig.store.take_calls() == Calls{"extend 7 8"});
}

TEST_CASE("the shortest lease decides", "[leases]") {
    Rig rig;
    rig.receive(7);
    rig.keeper.saw(30'000, 1000ms);
    rig.keeper.saw(3000, 1000ms);
    rig.keeper.saw(60'000, 1000ms);
    CHECK(rig.keeper.next() == 2000ms);
}

TEST_CASE("what is about to be settled, or is lost, is not extended", "[leases]") {
    Rig rig;
    rig.keeper.saw(30'000, 0ms);
    const Slot lost = rig.receive(7);
    rig.receive(8);
    rig.take();
    rig.core.lose(lost);
    rig.done(9, rig.assignments.all().front().lane);
    CHECK(rig.keep(10'000ms));
    CHECK(rig.store.take_calls() == Calls{"extend 8"});
}

TEST_CASE("messages whose lease another has are named as lost, once", "[leases]") {
    Rig rig;
    rig.keeper.saw(30'000, 0ms);
    rig.receive(7);
    const Slot lost = rig.receive(8);
    rig.receive(9);
    rig.store.leases_left = {VOLLEY_OK, VOLLEY_E_LOST, VOLLEY_E_RETRY};
    CHECK(rig.keep(10'000ms));
    CHECK(rig.keeper.lost() == std::vector{lost});
    CHECK(rig.keep(10'001ms));
    CHECK(rig.keeper.lost().empty());
}

TEST_CASE("an extension that fails for now is made again within a second", "[leases]") {
    Rig rig;
    rig.keeper.saw(30'000, 0ms);
    rig.receive(7);
    rig.store.extend = VOLLEY_E_RETRY;
    CHECK(rig.keep(10'000ms));
    CHECK(rig.keeper.lost().empty());
    CHECK(rig.keeper.next() == 11'000ms);
}

TEST_CASE("an extension that fails for good is an error", "[leases]") {
    Rig rig;
    rig.keeper.saw(30'000, 0ms);
    rig.receive(7);
    rig.store.extend = VOLLEY_E_FATAL;
    CHECK_FALSE(rig.keep(10'000ms));
}

TEST_CASE("without leases nothing is extended", "[leases]") {
    Rig without(false);
    without.receive(7);
    without.keeper.saw(30'000, 0ms);
    CHECK(without.keeper.next() == delivery::never);
    Rig unlimited;
    unlimited.receive(7);
    unlimited.keeper.saw(0, 0ms);
    CHECK(unlimited.keeper.next() == delivery::never);
}

TEST_CASE("a result of an extension that no repetition cures ends the component", "[leases]") {
    for (const std::int32_t result :
         {std::int32_t{VOLLEY_E_FENCED}, std::int32_t{VOLLEY_E_PERMANENT}, 99, -99}) {
        INFO(result);
        Rig rig;
        rig.keeper.saw(30'000, 0ms);
        rig.receive(7);
        rig.receive(8);
        rig.store.leases_left = {VOLLEY_E_UNKNOWN, result};
        CHECK_FALSE(rig.keep(10'000ms));
        CHECK(rig.keeper.lost().empty());
    }
}

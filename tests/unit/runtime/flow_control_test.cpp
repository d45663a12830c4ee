// When the input is paused and resumed.
#include "runtime/flow_control.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"
#include "fake_store.hpp"

using namespace rig;
using namespace std::chrono_literals;
using fake::Calls;
using runtime::FlowControl;

namespace {

fake::Store with_partitions() {
    fake::Store store;
    store.log = store.partitions = true;
    return store;
}

// An input with two partitions, and whether the core wants messages.
struct Flow : Core {
    explicit Flow(fake::Store its = with_partitions()) : Core(of_log()), store(std::move(its)) {
        assignments.assign(partition("orders", 0));
        assignments.assign(partition("orders", 1));
    }
    bool keep(bool wants_messages, delivery::Instant now) {
        return flow.keep(input, assignments, wants_messages, now).has_value();
    }
    fake::Store store;
    runtime::Input input = fake::open_input(store);
    FlowControl flow;
};

}  // namespace

TEST_CASE("a full window is waited for half a second, then the input is paused", "[flow]") {
    Flow flow;
    flow.keep(false, 1000ms);
    CHECK(flow.flow.is_held_for_a_moment());
    flow.keep(false, 1499ms);
    CHECK(flow.store.take_calls().empty());
    CHECK_FALSE(flow.flow.is_paused());
    flow.keep(false, 1500ms);
    CHECK(flow.store.take_calls() == Calls{"pause orders/0 orders/1"});
    CHECK(flow.flow.is_paused());
    CHECK_FALSE(flow.flow.is_held_for_a_moment());
    flow.keep(false, 9000ms);
    CHECK(flow.store.take_calls().empty());
}

TEST_CASE("a window that is full for a moment pauses nothing", "[flow]") {
    Flow flow;
    flow.keep(false, 1000ms);
    flow.keep(true, 1400ms);
    CHECK_FALSE(flow.flow.is_held_for_a_moment());
    flow.keep(false, 1500ms);
    flow.keep(false, 1999ms);
    CHECK(flow.store.take_calls().empty());
}

TEST_CASE("a paused input is resumed as soon as there is room", "[flow]") {
    Flow flow;
    flow.keep(false, 1000ms);
    flow.keep(false, 1500ms);
    flow.store.take_calls();
    flow.keep(true, 1501ms);
    CHECK(flow.store.take_calls() == Calls{"resume orders/0 orders/1"});
    CHECK_FALSE(flow.flow.is_paused());
    flow.keep(true, 1502ms);
    CHECK(flow.store.take_calls().empty());
}

TEST_CASE("a pause or a resume that fails is asked for again", "[flow]") {
    Flow flow;
    flow.keep(false, 1000ms);
    flow.store.pause = VOLLEY_E_RETRY;
    CHECK_FALSE(flow.keep(false, 1500ms));
    CHECK_FALSE(flow.flow.is_paused());
    flow.store.pause = VOLLEY_OK;
    CHECK(flow.keep(false, 1501ms));
    CHECK(flow.flow.is_paused());
    flow.store.pause = VOLLEY_E_RETRY;
    CHECK_FALSE(flow.keep(true, 1502ms));
    CHECK(flow.flow.is_paused());
    flow.store.pause = VOLLEY_OK;
    CHECK(flow.keep(true, 1503ms));
    CHECK_FALSE(flow.flow.is_paused());
}

TEST_CASE("when partitions come while the input is paused all are paused again", "[flow]") {
    Flow flow;
    flow.keep(false, 1000ms);
    flow.keep(false, 1500ms);
    flow.store.take_calls();
    flow.assignments.assign(partition("orders", 2));
    flow.flow.assigned();
    CHECK_FALSE(flow.flow.is_paused());
    flow.keep(false, 1501ms);
    CHECK(flow.store.take_calls() == Calls{"pause orders/0 orders/1 orders/2"});
}

TEST_CASE("what was paused when partitions came is resumed, if nothing is to be paused any more", "[flow]") {
    Flow flow;
    flow.keep(false, 1000ms);
    flow.keep(false, 1500ms);
    flow.store.take_calls();
    flow.assignments.assign(partition("orders", 2));
    flow.flow.assigned();
    flow.keep(true, 1501ms);
    CHECK(flow.store.take_calls() == Calls{"resume orders/0 orders/1 orders/2"});
    flow.keep(true, 1502ms);
    CHECK(flow.store.take_calls().empty());
}

TEST_CASE("an input without partitions, or with none of them ours, is not paused", "[flow]") {
    Flow queue{fake::Store()};
    queue.keep(false, 1000ms);
    queue.keep(false, 9000ms);
    CHECK(queue.store.take_calls().empty());
    CHECK_FALSE(queue.flow.is_paused());

    Flow log;
    while (!log.assignments.all().empty())
        log.assignments.end(runtime::Assignment(log.assignments.all().front()));
    log.keep(false, 1000ms);
    log.keep(false, 9000ms);
    CHECK(log.store.take_calls().empty());
    CHECK_FALSE(log.flow.is_paused());
}

TEST_CASE("an input that was given up is not paused", "[flow]") {
    Flow flow;
    flow.input.give_up();
    flow.keep(false, 1000ms);
    flow.keep(false, 9000ms);
    CHECK(flow.store.take_calls().empty());
}

TEST_CASE("a pause that answers with a status that the ABI does not define has not paused", "[flow]") {
    for (const std::int32_t status : {std::int32_t{VOLLEY_AGAIN}, std::int32_t{VOLLEY_PENDING}, 99}) {
        Flow flow;
        flow.keep(false, 1000ms);
        flow.store.pause = status;
        CHECK_FALSE(flow.keep(false, 1500ms));
        CHECK_FALSE(flow.flow.is_paused());
    }
}

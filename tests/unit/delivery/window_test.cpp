// On a log, a committable offset never passes an unfinished message.
#include <catch2/catch.hpp>

#include "core.hpp"

using namespace volley::delivery;

namespace {

const Options unordered_log{.log = true, .order = Order::none};

}  // namespace

TEST_CASE("nothing is committed before something is finished", "[window]") {
    Core core(unordered_log);
    core.receive(at(5));
    core.start();
    CHECK_FALSE(core.delivery.has_commits());
    CHECK(core.committed() == -1);
}

TEST_CASE("a commit never passes an unfinished offset", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(0));
    const Slot b = core.receive(at(1));
    const Slot c = core.receive(at(2));
    core.start();
    core.ok(b);
    core.ok(c);
    CHECK(core.settle() == Settled{.acked = {b, c}});
    CHECK(core.committed() == -1);
    core.ok(a, 1);
    CHECK(core.committed() == -1);
    core.confirm(a);
    CHECK(core.committed() == 3);
}

TEST_CASE("the commit advances over the finished messages at the front", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(0));
    const Slot b = core.receive(at(1));
    const Slot c = core.receive(at(2));
    core.start();
    core.ok(a);
    CHECK(core.committed() == 1);
    core.ok(c);
    CHECK(core.committed() == 1);
    core.ok(b);
    CHECK(core.committed() == 3);
}

TEST_CASE("offsets may have gaps", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(10));
    const Slot b = core.receive(at(1000));
    core.start();
    core.ok(a);
    CHECK(core.committed() == 11);
    core.ok(b);
    CHECK(core.committed() == 1001);
}

TEST_CASE("an offset is returned once, and again if its commit failed", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(0));
    core.start();
    core.ok(a);
    CHECK(core.delivery.has_commits());
    CHECK(core.committed() == 1);
    std::vector<Commit> again;
    core.delivery.take_commits(again);
    CHECK(again.empty());
    core.delivery.commit_again(0);
    core.delivery.take_commits(again);
    REQUIRE(again.size() == 1);
    CHECK(again[0].lane == 0);
    CHECK(again[0].offset == 1);
}

TEST_CASE("a message that is finished behind an open one does not advance the commit", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(0));
    core.receive(at(1));
    const Slot c = core.receive(at(2));
    core.start();
    core.ok(a);
    CHECK(core.committed() == 1);
    core.ok(c);
    std::vector<Commit> commits;
    core.delivery.take_commits(commits);
    CHECK(commits.empty());
}

TEST_CASE("an offset that is delivered again is refused", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(5));
    CHECK(core.receive(at(5)) == no_slot);  // open
    core.start();
    core.ok(a);
    core.settle();
    CHECK(core.receive(at(5)) == no_slot);  // finished
    CHECK(core.receive(at(4)) == no_slot);
    CHECK(core.delivery.counters().received == 1);
    CHECK(core.delivery.is_idle());
    CHECK(core.receive(at(6)) != no_slot);
}

TEST_CASE("a refused offset takes no slot", "[window]") {
    Core core({.log = true, .order = Order::none, .max_in_flight = 2});
    core.receive(at(5));
    for (int i = 0; i < 10; ++i) core.receive(at(5));
    CHECK(core.delivery.room() == 1);
}

TEST_CASE("lanes commit independently", "[window]") {
    Core core(unordered_log);
    const Lane other = core.delivery.open_lane();
    core.receive(at(0));
    const Slot b = core.receive(at(7, other));
    core.start();
    core.ok(b);
    CHECK(core.committed(0) == -1);
    CHECK(core.committed(other) == 8);
}

TEST_CASE("a slot is not reused while its offset is needed", "[window]") {
    Core core(unordered_log);
    const Slot a = core.receive(at(0));
    const Slot b = core.receive(at(1));
    core.start();
    core.ok(b);
    CHECK(core.settle() == Settled{.acked = {b}});
    const Slot c = core.receive(at(2));
    CHECK(c != b);
    core.ok(a);
    core.settle();
    CHECK(core.committed() == 2);
    CHECK((core.receive(at(3)) == a || core.receive(at(4)) == a));
}

TEST_CASE("every end of a message except a release advances the commit", "[window]") {
    const FailureAction last =
        GENERATE(FailureAction::drop, FailureAction::requeue, FailureAction::dead_letter);
    Core core({.log = true, .order = Order::none, .on_permanent = last});
    const Slot a = core.receive(at(0));
    core.start();
    core.fail(a);
    if (last == FailureAction::dead_letter) {
        core.take(Step::dead_letter);
        CHECK(core.committed() == -1);
        core.delivery.dead_letter_confirmed(a);
    }
    CHECK(core.committed() == 1);
}

TEST_CASE("nothing behind a message that was released is committed", "[window]") {
    Core core({.log = true, .order = Order::none, .on_permanent = FailureAction::stop});
    const Slot a = core.receive(at(0));
    const Slot b = core.receive(at(1));
    const Slot c = core.receive(at(2));
    core.start();
    core.ok(a);
    core.fail(b);
    core.ok(c);
    CHECK(core.settle() == Settled{.acked = {a, c}, .released = {b}});
    CHECK(core.committed() == 1);
}

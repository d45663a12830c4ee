// A call that breaks the contract stops the process: better dead than a wrong ack.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "core.hpp"

using namespace volley::delivery;

namespace {

// Does the call stop the process? It is made in a child.
template <typename Call>
bool stops(Call&& call) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit none{};
        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO);  // the broken invariant is expected
        call();
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("a call out of turn stops the process", "[contract]") {
    Core core({});
    const Slot a = core.receive();
    CHECK(stops([&] { core.ok(a); }));  // has not started
    core.start();
    CHECK(stops([&] { core.delivery.dead_letter_confirmed(a); }));
    CHECK(stops([&] { core.delivery.transacted(a); }));
    CHECK(stops([&] { core.delivery.settled(a, false); }));
    CHECK(stops([&] { core.delivery.end_reports(); }));
    CHECK_FALSE(stops([&] { core.ok(a); }));
}

TEST_CASE("what is done twice stops the process", "[contract]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.ok(a);
    CHECK(stops([&] { core.ok(a); }));
    core.settle();
    CHECK(stops([&] { core.delivery.settled(a, false); }));
    core.receive();
    core.delivery.end_lane(0);
    CHECK(stops([&] { core.delivery.end_lane(0); }));
}

TEST_CASE("more reports than outputs stop the process", "[contract]") {
    Core core({});
    const Slot a = core.receive();
    core.start();
    core.confirm(a, 0);
    core.confirm(a, 1);
    CHECK(stops([&] { core.ok(a, 1); }));
}

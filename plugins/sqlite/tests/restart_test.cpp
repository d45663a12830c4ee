// What a process leaves behind, in good order or killed.
#include <sys/wait.h>

#include <csignal>

#include "database.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("what a consumer had open when it closed comes back at once", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    send(producer, {"a"});
    {
        auto consumer = rig.consumer("q");
        REQUIRE(take(consumer, 1).size() == 1);
        CHECK(consumer.close(1000));
        CHECK(consumer.close(1000));
    }
    {
        auto destroyed = rig.consumer("q");
        REQUIRE(take(destroyed, 1).size() == 1);
    }
    auto next = rig.consumer("q");
    CHECK(bodies(take(next, 1)) == Bodies{"a"});
}

TEST_CASE("after kill -9 the next consumer has the messages of the dead one without waiting for the lease",
          "[sqlite]") {
    SqliteRig rig;
    {
        auto producer = rig.producer("q");
        send(producer, {"a", "b"});
    }
    const pid_t child = ::fork();
    if (child == 0) {
        auto consumer = rig.consumer("q", R"({"lease_ms": 3600000})");
        if (take(consumer, 2).size() == 2) ::raise(SIGKILL);
        ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(rig.sql("SELECT count(*) FROM volley_messages WHERE token IS NOT NULL") == "2");

    auto consumer = rig.consumer("q");
    const auto got = take(consumer, 2);
    REQUIRE(bodies(got) == Bodies{"a", "b"});
    CHECK(got[0].delivery_count == 2);
}

TEST_CASE("what a living process has claimed is not taken from it by another that opens", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"a"});
    REQUIRE(take(consumer, 1).size() == 1);
    auto second = rig.consumer("q");
    CHECK(take(second, 1).empty());
}

TEST_CASE("messages and their attempts survive a restart", "[sqlite]") {
    SqliteRig rig;
    {
        auto producer = rig.producer("q");
        auto consumer = rig.consumer("q");
        send(producer, {"a"});
        settle(consumer, take(consumer, 1), VOLLEY_NACK);
    }
    auto consumer = rig.consumer("q");
    const auto got = take(consumer, 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].delivery_count == 2);
}

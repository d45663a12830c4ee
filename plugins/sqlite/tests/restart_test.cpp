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

namespace {

// Moves messages from "in" to "out" by the atomic commit until there are none.
void move_all(SqliteRig& rig) {
    auto consumer = rig.consumer("in");
    auto producer = rig.producer("out");
    const auto* atomic = static_cast<const volley_ext_atomic*>(producer.extension(VOLLEY_EXT_ATOMIC));
    Room room(16);
    while (consumer.consume(room.batch, 100) && room.batch.count > 0) {
        std::vector<volley_record> records(room.batch.count);
        std::vector<volley_settlement> acks(room.batch.count);
        for (std::size_t i = 0; i < records.size(); ++i) {
            records[i].body = room.messages[i].body;
            acks[i].handle = room.messages[i].handle;
        }
        volley_transaction t{};
        t.struct_size = sizeof t;
        t.records = records.data();
        t.record_size = sizeof(volley_record);
        t.settlements = acks.data();
        t.settlement_size = sizeof(volley_settlement);
        t.record_count = t.settlement_count = room.batch.count;
        while (atomic->commit(producer.get(), consumer.get(), &t, nullptr) == VOLLEY_E_RETRY) {
        }
    }
}

pid_t start_mover(SqliteRig& rig) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    move_all(rig);
    ::_exit(0);
}

void send_numbers(SqliteRig& rig, int count) {
    auto producer = rig.producer("in");
    Outgoing out;
    for (int i = 0; i < count; ++i) out.add(std::to_string(i));
    REQUIRE(send(producer, out) == static_cast<std::uint32_t>(count));
}

}  // namespace

TEST_CASE("processes that share a queue move each message exactly once, though some are killed", "[sqlite]") {
    SqliteRig rig;
    constexpr int count = 4000;
    send_numbers(rig, count);
    for (const int kill_after : {count / 8, count / 3, count / 2}) {
        const pid_t one = start_mover(rig), two = start_mover(rig);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (std::stoi(rig.sql("SELECT count(*) FROM volley_messages WHERE queue = 'out'")) < kill_after)
            if (std::chrono::steady_clock::now() > deadline) break;
        ::kill(one, SIGKILL);
        ::kill(two, SIGKILL);
        ::waitpid(one, nullptr, 0);
        ::waitpid(two, nullptr, 0);
    }
    move_all(rig);
    CHECK(rig.sql("SELECT count(*) FROM volley_messages WHERE queue = 'in'") == "0");
    CHECK(rig.sql("SELECT count(*) FROM volley_messages WHERE queue = 'out'") == std::to_string(count));
    CHECK(rig.sql("SELECT count(DISTINCT body) FROM volley_messages WHERE queue = 'out'") ==
          std::to_string(count));
}

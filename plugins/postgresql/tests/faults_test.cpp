// A server of its own that is killed, connections that are cut, and answers that never come.
#include <poll.h>

#include <thread>

#include "server.hpp"

using namespace volley;
using namespace volley::test;

namespace {

const char* const end_others =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'volley'";

// Calls again what failed with `retry` or `unknown`, as the engine does.
template <typename Call>
void until_done(Call&& call) {
    std::string last;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
        auto result = call();
        if (result) return;
        last = result.error().text;
        INFO(last);
        REQUIRE((result.error().code == ErrorCode::retry || result.error().code == ErrorCode::unknown));
        ::usleep(5000);
    }
    FAIL("not within 30 s; the last error: " << last);
}

}  // namespace

TEST_CASE("connections that the server ends are made anew, and what was taken is still ours",
          "[postgresql]") {
    PostgresServer server;
    PostgresRig rig(server);
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b"});
    const auto got = take_all(consumer, 1);
    REQUIRE(rig.sql(end_others) == "3");
    auto acks = acks_of(got);
    until_done([&] { return consumer.settle(acks.data(), 1); });
    CHECK(acks[0].result == VOLLEY_OK);
    REQUIRE(rig.sql(end_others) != "0");
    Outgoing out;
    out.add("c").id = view_of("3");
    until_done([&] {
        std::uint32_t accepted = 0;
        return producer.produce(out.records.data(), 1, accepted);
    });
    until_done([&] {
        Room room(2);
        auto result = consumer.consume(room.batch, 0);
        if (result && room.batch.count > 0) CHECK(bodies(room.received()) == Bodies{"b", "c"});
        return result;
    });

    // The whole server.
    server.kill();
    {
        std::uint32_t accepted = 0;
        auto result = producer.produce(out.records.data(), 1, accepted);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == (accepted == 0 ? ErrorCode::unknown : ErrorCode::retry));
        Room room(1);
        auto taken = consumer.consume(room.batch, 0);
        REQUIRE_FALSE(taken);
        CHECK(taken.error().code == ErrorCode::retry);
    }
    server.start();
    until_done([&] {
        std::uint32_t accepted = 0;
        return producer.produce(out.records.data(), 1, accepted);
    });
    CHECK(rig.sql("SELECT count(*) FROM q WHERE message_id = '3'") == "1");
}

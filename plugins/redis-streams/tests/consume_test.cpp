// StreamConsumer against a real Redis: groups, claims, settlements, leases, inspection.
#include <thread>

#include "proxy.hpp"
#include "streams.hpp"

using namespace volley;
using namespace volley::test;

namespace {

std::int32_t extend(plugins::Consumer& consumer, std::uint64_t handle, std::uint32_t lease_ms) {
    const auto* lease = static_cast<const volley_ext_lease*>(consumer.extension(VOLLEY_EXT_LEASE));
    REQUIRE(lease != nullptr);
    std::int32_t result = VOLLEY_OK;
    REQUIRE(lease->extend(consumer.get(), &handle, &result, 1, lease_ms, nullptr) == VOLLEY_OK);
    return result;
}

const volley_ext_inspect& inspect(plugins::Consumer& consumer) {
    const auto* table = static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT));
    REQUIRE(table != nullptr);
    return *table;
}

volley_stats stats(plugins::Consumer& consumer) {
    volley_stats out{};
    out.struct_size = sizeof out;
    REQUIRE(inspect(consumer).stats(consumer.get(), &out, nullptr) == VOLLEY_OK);
    return out;
}

}  // namespace

TEST_CASE("messages come once, in order, and an ack leaves nothing pending", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b", "c"});
    const auto got = take_all(consumer, 3);
    CHECK(bodies(got) == Bodies{"a", "b", "c"});
    CHECK(got[0].delivery_count == 1);
    CHECK(got[0].lease_ms == 30'000);
    CHECK(take(consumer, 3).empty());
    CHECK(rig.pending() == "3");
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results(3, VOLLEY_OK));
    CHECK(rig.pending() == "0");
    CHECK(rig.length() == "3");
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results(3, VOLLEY_E_LOST));  // they are closed
}

TEST_CASE("an ack deletes the message only if no other group reads the stream", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer(", \"delete_acked\": true");
    send(producer, {"a"});
    settle(consumer, take_all(consumer, 1), VOLLEY_ACK);
    CHECK(rig.length() == "0");
    rig.command({"XGROUP", "CREATE", "s", "other", "0"});
    send(producer, {"b"});
    CHECK(settle(consumer, take_all(consumer, 1), VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(rig.length() == "1");
    CHECK(rig.pending() == "0");
}

TEST_CASE("what another consumer has claimed is lost to the first, whatever it does", "[redis-streams]") {
    for (const std::int32_t outcome : {VOLLEY_ACK, VOLLEY_NACK, VOLLEY_RELEASE}) {
        StreamsRig rig;
        auto producer = rig.producer();
        auto consumer = rig.consumer();
        send(producer, {"a"});
        const auto got = take_all(consumer, 1);
        rig.command({"XCLAIM", "s", "g", "stranger", "0", got[0].id, "JUSTID"});
        CHECK(extend(consumer, got[0].handle, 30'000) == VOLLEY_E_LOST);
        CHECK(settle(consumer, got, outcome) == Results{VOLLEY_E_LOST});
        CHECK(rig.owner() == "stranger");
    }
}

TEST_CASE("what a dead consumer has left is claimed after the idle time, and its late ack is lost",
          "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto dead = rig.consumer();
    auto heir = rig.consumer();
    send(producer, {"a"});
    const auto left = take_all(dead, 1);
    CHECK(take(heir, 1).empty());
    rig.abandon(left[0].id);
    const auto got = take_all(heir, 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].body == "a");
    CHECK(got[0].delivery_count == 2);
    CHECK(settle(dead, left, VOLLEY_ACK) == Results{VOLLEY_E_LOST});
    CHECK(rig.pending() == "1");
    CHECK(settle(heir, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(rig.pending() == "0");
}

TEST_CASE("a lease that was extended is not claimed", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto owner = rig.consumer();
    auto other = rig.consumer();
    send(producer, {"a"});
    const auto got = take_all(owner, 1);
    rig.abandon(got[0].id);
    CHECK(extend(owner, got[0].handle, 30'000) == VOLLEY_OK);
    CHECK(take(other, 1, 300).empty());
    CHECK(settle(owner, got, VOLLEY_ACK) == Results{VOLLEY_OK});
}

TEST_CASE("a nack counts and waits for its delay, a release does neither", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a"});
    auto got = take_all(consumer, 1);
    CHECK(settle(consumer, got, VOLLEY_RELEASE) == Results{VOLLEY_OK});
    got = take_all(consumer, 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].delivery_count == 1);
    CHECK(settle(consumer, got, VOLLEY_NACK) == Results{VOLLEY_OK});
    got = take_all(consumer, 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].delivery_count == 2);
    CHECK(settle(consumer, got, VOLLEY_NACK, 3'600'000) == Results{VOLLEY_OK});
    CHECK(take(consumer, 1, 300).empty());
    CHECK(stats(consumer).delayed == 1);
    CHECK(stats(consumer).ready == 0);
    CHECK(stats(consumer).in_flight == 0);
}

TEST_CASE("a delayed message comes when its time has come", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a"});
    settle(consumer, take_all(consumer, 1), VOLLEY_NACK, 400);
    CHECK(stats(consumer).delayed == 1);
    CHECK(take_all(consumer, 1).size() == 1);
    CHECK(stats(consumer).delayed == 0);
}

TEST_CASE("a stream or group that vanishes is made again, and settlements of the old one are lost",
          "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    for (const std::vector<std::string>& how :
         {std::vector<std::string>{"FLUSHALL"}, {"DEL", "s"}, {"XGROUP", "DESTROY", "s", "g"}}) {
        rig.command({"DEL", "s"});
        send(producer, {"before"});
        const auto old = take_all(consumer, 1);
        REQUIRE(old.size() == 1);
        rig.command(how);
        CHECK(settle(consumer, old, VOLLEY_ACK) == Results{VOLLEY_E_LOST});
        take(consumer, 1, 0);
        send(producer, {"after"});
        CHECK_FALSE(take_all(consumer, 1).empty());
    }
}

TEST_CASE("a stream that is deleted while a consumer waits ends no wait for good", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"before"});
    settle(consumer, take_all(consumer, 1), VOLLEY_ACK);
    std::thread other([&] {
        wait_for("it waits", [&] {
            return rig.command({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
        });
        rig.command({"DEL", "s"});
        rig.command({"XADD", "s", "*", "body", "after"});
    });
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"after"});
    other.join();
}

TEST_CASE("an interrupted wait returns at once, and what the read brings comes next", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    CHECK(take(consumer, 1, 0).empty());
    std::thread other([&] {
        wait_for("it waits", [&] {
            return rig.command({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
        });
        consumer.interrupt();
    });
    CHECK(take(consumer, 1, 20'000).empty());
    other.join();
    send(producer, {"a"});
    const auto got = take_all(consumer, 1);
    CHECK(bodies(got) == Bodies{"a"});
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
}

TEST_CASE("the reply to a read, to an ack or to a claim is lost: nothing else is", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    Proxy way(rig.port());
    auto consumer =
        rig.Rig::consumer("s", "{\"port\": " + std::to_string(way.port()) + ", \"group\": \"g\"}");
    take(consumer, 1);
    send(producer, {"a"});
    way.lose_reply_to("XREADGROUP");
    Room room(1);
    CHECK_FALSE(consumer.consume(room.batch, 100).has_value());
    auto got = take_all(consumer, 1);
    REQUIRE(got.size() == 1);
    way.lose_reply_to("ack");
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_E_RETRY});
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(rig.pending() == "0");
}

TEST_CASE("a batch ends with the message that reaches max_bytes, and the rest comes next",
          "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"12345", "12345", "12345", "12345"});
    Room room(10, 15);
    REQUIRE(consumer.consume(room.batch, 0).has_value());
    CHECK(room.batch.count == 2);
    CHECK(take_all(consumer, 2).size() == 2);
    REQUIRE(consumer.close(1000).has_value());
    CHECK(rig.pending() == "4");
}

TEST_CASE("a close gives back what was read and not delivered, and leaves no consumer behind",
          "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b"});
    const auto got = take_all(consumer, 1);
    settle(consumer, got, VOLLEY_ACK);
    REQUIRE(consumer.close(1000).has_value());
    CHECK(rig.command({"XINFO", "CONSUMERS", "s", "g"}).find("volley-id-") != std::string::npos);
    auto next = rig.consumer();
    const auto rest = take_all(next, 1);
    CHECK(bodies(rest) == Bodies{"b"});
    CHECK(rest[0].delivery_count == 1);
}

TEST_CASE("a consumer with a configured name has at once what it had before", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    send(producer, {"a"});
    auto first = rig.consumer(", \"consumer\": \"pod-0\"");
    REQUIRE(take_all(first, 1).size() == 1);
    auto second = rig.consumer(", \"consumer\": \"pod-0\"");
    CHECK(bodies(take_all(second, 1)) == Bodies{"a"});
}

TEST_CASE("a group starts where it is told to", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    send(producer, {"old"});
    auto consumer = rig.consumer(", \"from\": \"latest\"");
    CHECK(take(consumer, 1).empty());
    send(producer, {"new"});
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"new"});
}

TEST_CASE("a stream can be looked at without a group, and with one only what it has not acked shows",
          "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    for (int i = 0; i < 30; ++i) send(producer, {std::to_string(i)});
    Room room(20);
    REQUIRE(inspect(consumer).peek(consumer.get(), &room.batch, 0, nullptr) == VOLLEY_OK);
    CHECK(room.batch.count == 20);
    CHECK(rig.command({"XINFO", "GROUPS", "s"}).empty());
    CHECK(stats(consumer).ready == 30);
    const auto got = take_all(consumer, 3);
    settle(consumer, {got[1]}, VOLLEY_ACK);
    Room more(40);
    REQUIRE(inspect(consumer).peek(consumer.get(), &more.batch, 1, nullptr) == VOLLEY_OK);
    const auto shown = more.received();
    REQUIRE(shown.size() == 28);
    CHECK(shown[0].body == "2");
    CHECK(shown[1].body == "3");
    CHECK(stats(consumer).in_flight == 2);
    CHECK(stats(consumer).ready == 27);
    CHECK(stats(consumer).oldest_ms >= 0);

    Room found(1);
    REQUIRE(inspect(consumer).find(consumer.get(), view_of(shown[5].id), &found.batch, nullptr) == VOLLEY_OK);
    REQUIRE(found.received().size() == 1);
    CHECK(found.received()[0].body == shown[5].body);
    std::uint64_t removed = 0;
    REQUIRE(inspect(consumer).remove(consumer.get(), view_of(shown[5].id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    REQUIRE(inspect(consumer).remove(consumer.get(), view_of("nonsense"), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 0);
    REQUIRE(inspect(consumer).purge(consumer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 29);
    CHECK(rig.length() == "0");
}

TEST_CASE("the identity is the group's, and another one for a group that is made anew", "[redis-streams]") {
    StreamsRig rig;
    const auto identity = [](plugins::Consumer& consumer) {
        const auto* table = static_cast<const volley_ext_identity*>(consumer.extension(VOLLEY_EXT_IDENTITY));
        volley_view out{};
        REQUIRE(table->identity(consumer.get(), &out, nullptr) == VOLLEY_OK);
        return std::string(text_of(out));
    };
    auto first = rig.consumer();
    take(first, 1);
    auto second = rig.consumer();
    take(second, 1);
    CHECK(identity(first) == identity(second));
    const std::string before = identity(first);
    rig.command({"FLUSHALL"});
    take(first, 1);
    take(first, 1);
    CHECK(identity(first) != before);
}

// RsmqConsumer against a real Redis: receives, visibility timeouts, settlements, waits.
#include <atomic>
#include <ctime>
#include <thread>

#include "server.hpp"

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

// How often consumers have received.
int receives(const RsmqRig& rig) {
    const std::string stats = rig.command({"INFO", "commandstats"});
    const std::size_t at = stats.find("cmdstat_evalsha:calls=");
    return at == std::string::npos ? 0 : std::stoi(stats.substr(at + 22));
}

// Runs `act` after a waiting consumer has received nothing.
template <typename Act>
std::thread once_it_waits(const RsmqRig& rig, Act act) {
    return std::thread([&rig, act, before = receives(rig)] {
        wait_for("it has asked", [&] { return receives(rig) > before; });
        act();
    });
}

}  // namespace

TEST_CASE("messages are received once, in order, and an ack leaves nothing behind", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b", "c"});
    const auto got = take_all(consumer, 3);
    CHECK(bodies(got) == Bodies{"a", "b", "c"});
    CHECK(got[0].delivery_count == 1);
    CHECK(got[0].lease_ms == 30'000);
    CHECK(take(consumer, 3).empty());
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results(3, VOLLEY_OK));
    CHECK(rig.waiting() == "0");
    CHECK(rig.command({"HLEN", "rsmq:q:Q"}) == "7");  // the attributes, and no more
    CHECK(rig.attribute("totalsent") == "3");
    CHECK(rig.attribute("totalrecv") == "3");
}

TEST_CASE("receive count and time of the first receive are stored as RSMQ does", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"x"});
    const auto first = take_all(consumer, 1);
    REQUIRE(first.size() == 1);
    const std::string id = first[0].id, time = rig.attribute(id + ":fr");
    CHECK(time.size() == 13);
    CHECK(rig.attribute(id + ":rc") == "1");
    settle(consumer, first, VOLLEY_NACK);
    REQUIRE(take_all(consumer, 1).size() == 1);
    CHECK(rig.attribute(id + ":fr") == time);
    CHECK(rig.attribute(id + ":rc") == "2");
}

TEST_CASE("empty, binary and huge bodies arrive unchanged", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer("q", ", \"maxsize\": -1");
    auto consumer = rig.consumer();
    const std::string binary("\0\r\n\xff$5\r\n\x80", 9);
    std::string huge;
    huge.resize(20'000'000, 'h');
    send(producer, {"", binary, huge});
    const auto got = take_all(consumer, 3);
    REQUIRE(got.size() == 3);
    CHECK(got[0].body == "");
    CHECK(got[1].body == binary);
    CHECK((got[2].body == huge));
}

TEST_CASE("a batch ends with the message that reaches max_bytes, and no message behind it is received",
          "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"12345", "12345", "12345", "12345"});
    Room room(10, 8);
    REQUIRE(consumer.consume(room.batch, 0).has_value());
    CHECK(room.batch.count == 2);
    CHECK(rig.attribute("totalrecv") == "2");
}

TEST_CASE("thousands of messages arrive in batches of every size", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    Outgoing out;
    for (int i = 0; i < 5000; ++i) out.add(std::to_string(i));
    REQUIRE(send(producer, out) == 5000);
    std::vector<std::string> got;
    for (std::uint32_t size = 1; got.size() < 5000; size = size % 1500 + 97) {
        const auto batch = take(consumer, size, 100);
        for (const Received& r : batch) got.push_back(*r.body);
        CHECK(settle(consumer, batch, VOLLEY_ACK) == Results(batch.size(), VOLLEY_OK));
    }
    for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == std::to_string(i));
    CHECK(rig.waiting() == "0");
}

TEST_CASE("views stay valid until their own delivery is settled", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"kept", "second"});
    Room room(2);
    REQUIRE(consumer.consume(room.batch, 100).has_value());
    REQUIRE(room.batch.count == 2);
    const auto both = room.received();
    settle(consumer, {both[1]}, VOLLEY_ACK);
    for (int i = 0; i < 20; ++i) {
        send(producer, {"other"});
        settle(consumer, take_all(consumer, 1), VOLLEY_ACK);
    }
    CHECK(text_of(room.messages[0].body) == "kept");
}

TEST_CASE("a nacked message is delivered again after its delay, with a higher count", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"x"});
    CHECK(settle(consumer, take_all(consumer, 1), VOLLEY_NACK, 60'000) == Results{VOLLEY_OK});
    CHECK(take(consumer, 1, 50).empty());
    rig.expire_leases();
    CHECK(settle(consumer, take_all(consumer, 1), VOLLEY_NACK, 0) == Results{VOLLEY_OK});
    const auto third = take_all(consumer, 1);
    REQUIRE(third.size() == 1);
    CHECK(third[0].delivery_count == 3);
}

TEST_CASE("a released message is visible to other consumers at once", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto one = rig.consumer();
    auto other = rig.consumer();
    send(producer, {"x"});
    CHECK(settle(one, take_all(one, 1), VOLLEY_RELEASE) == Results{VOLLEY_OK});
    CHECK(bodies(take(other, 1)) == Bodies{"x"});
}

TEST_CASE("a visibility timeout that is no sensible number does not stop a queue", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"x"});
    const auto [given, lease_ms] = GENERATE(table<std::string, std::uint32_t>({{"abc", 30'000},
                                                                               {"", 30'000},
                                                                               {"nan", 30'000},
                                                                               {"inf", 4'000'000'000},
                                                                               {"1e15", 4'000'000'000},
                                                                               {"-1", 1000}}));
    INFO(given);
    rig.command({"HSET", "rsmq:q:Q", "vt", given});
    const auto got = take_all(consumer, 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].lease_ms == lease_ms);
}

TEST_CASE("a released message keeps its place", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b", "c"});
    const auto got = take_all(consumer, 2);
    CHECK(settle(consumer, {got[1], got[0]}, VOLLEY_RELEASE) == Results{VOLLEY_OK, VOLLEY_OK});
    CHECK(bodies(take_all(consumer, 3)) == Bodies{"a", "b", "c"});
}

TEST_CASE("a settlement or extension with a receipt that is out of date changes nothing", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto slow = rig.consumer();
    auto other = rig.consumer();
    send(producer, {"x", "y"});
    const auto stale = take_all(slow, 2);
    rig.expire_leases();
    const auto taken = take_all(other, 2);
    REQUIRE(taken.size() == 2);
    const std::string before = rig.command({"ZRANGE", "rsmq:q", "0", "-1", "WITHSCORES"});
    CHECK(extend(slow, stale[0].handle, 1'000'000) == VOLLEY_E_LOST);
    CHECK(settle(slow, {stale[0]}, VOLLEY_ACK) == Results{VOLLEY_E_LOST});
    CHECK(settle(slow, {stale[1]}, VOLLEY_NACK) == Results{VOLLEY_E_LOST});
    CHECK(rig.command({"ZRANGE", "rsmq:q", "0", "-1", "WITHSCORES"}) == before);
    CHECK(settle(other, taken, VOLLEY_ACK) == Results(2, VOLLEY_OK));
    CHECK(rig.waiting() == "0");
}

TEST_CASE("an extended visibility timeout outlives the first", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"x"});
    const auto got = take_all(consumer, 1);
    rig.expire_leases();
    CHECK(extend(consumer, got[0].handle, 60'000) == VOLLEY_OK);
    CHECK(take(consumer, 1).empty());
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
}

TEST_CASE("a handle that was settled is not valid for the next delivery in its place", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"x"});
    const auto first = take_all(consumer, 1);
    settle(consumer, first, VOLLEY_ACK);
    send(producer, {"y"});
    const auto second = take_all(consumer, 1);
    CHECK(settle(consumer, first, VOLLEY_ACK) == Results{VOLLEY_E_LOST});
    CHECK(rig.waiting() == "1");
    CHECK(settle(consumer, second, VOLLEY_ACK) == Results{VOLLEY_OK});
}

TEST_CASE("an id without a body is removed, and hides no message", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.consumer();
    auto producer = rig.producer();
    rig.command({"ZADD", "rsmq:q", "1", "ghost0000000000000000000000000000"});
    send(producer, {"real"});
    CHECK(bodies(take(consumer, 2, 1000)) == Bodies{"real"});
    CHECK(rig.waiting() == "1");
}

TEST_CASE("a vt under a second is raised to a second", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.consumer();
    auto producer = rig.producer();
    rig.command({"HSET", "rsmq:q:Q", "vt", "0"});
    send(producer, {"x"});
    CHECK(take_all(consumer, 1).at(0).lease_ms == 1000);
    rig.command({"HSET", "rsmq:q:Q", "vt", "2.5"});
    send(producer, {"y"});
    CHECK(take_all(consumer, 1).at(0).lease_ms == 2500);
}

TEST_CASE("interrupt ends the current wait, or the next one", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.consumer();
    consumer.interrupt();
    CHECK(take(consumer, 1, 600'000).empty());  // returns at once, or the test hangs
    std::thread other = once_it_waits(rig, [&] { consumer.interrupt(); });
    CHECK(take(consumer, 1, 600'000).empty());
    other.join();
}

TEST_CASE("a wait ends when a delayed message becomes visible", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    Outgoing out;
    out.add("later").delay_ms = 1500;
    send(producer, out);
    CHECK(take(consumer, 1).empty());
    CHECK(bodies(take(consumer, 1, 10'000)) == Bodies{"later"});
}

TEST_CASE("a send or a realtime publish ends the wait of a consumer", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.consumer();
    auto producer = rig.producer();
    wait_for("it has been idle for long enough to subscribe", [&] {
        take(consumer, 1, 100);
        return rig.command({"PUBSUB", "NUMSUB", "rsmq:rt:q"}) == "rsmq:rt:q 1";
    });
    std::thread sender = once_it_waits(rig, [&] { send(producer, {"x"}); });
    CHECK(bodies(take(consumer, 1, 10'000)) == Bodies{"x"});
    sender.join();
    rig.command({"PUBLISH", "rsmq:rt:q", "1"});
    CHECK(take(consumer, 1, 20).empty());
}

// Tests the order and not the time. Of two idle consumers the one that is notified must get the message. If
// neither were notified, the other would get it in half of the rounds.
TEST_CASE("a send wakes the idle consumers of its process before their next poll", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    // With fsync, a poll during the write would be as fast as the notification.
    rig.command({"CONFIG", "SET", "appendfsync", "no"});
    constexpr int rounds = 16;
    int notified_first = 0;
    for (int round = 0; round < rounds; ++round) {
        auto notified = rig.consumer();
        auto polling = rig.consumer("q", ", \"host\": \"localhost\"");  // counts as another server
        const int before = receives(rig);
        std::atomic<int> winner{0};
        const auto wait_in = [&winner](plugins::Consumer& consumer, int number) {
            return std::thread([&consumer, &winner, number] {
                const auto got = take(consumer, 1, 20'000);
                if (got.empty()) return;
                settle(consumer, got, VOLLEY_ACK);
                winner = number;
            });
        };
        std::thread first = wait_in(notified, 1);
        std::thread second = wait_in(polling, 2);
        wait_for("both poll at the longest interval", [&] { return receives(rig) >= before + 24; });
        send(producer, {"x"});
        wait_for("one of them has it", [&] { return winner != 0; });
        notified.interrupt();
        polling.interrupt();
        first.join();
        second.join();
        if (winner == 1) ++notified_first;
    }
    CHECK(notified_first >= rounds - 3);
}

TEST_CASE("an idle consumer uses almost no CPU", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.consumer();
    take(consumer, 1, 500);
    const auto begin = std::clock();
    take(consumer, 1, 2000);
    const double share = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / 2.0;
    CHECK(share < 5 * 0.005);
}

TEST_CASE("keys and headers pass through an envelope, and a plain body beside it", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer("q", ", \"envelope\": true");
    auto plain = rig.producer();
    auto consumer = rig.consumer("q", ", \"envelope\": true");
    const std::string binary("\0\xff", 2);
    Outgoing out;
    volley_record& r = out.add(binary);
    const volley_header headers[] = {
        {out.keep("h"), out.keep("1")}, {out.keep("h"), out.keep(binary)}, {out.keep(binary), out.keep("")}};
    r.key = out.keep("k\xc3\xa4");
    r.headers = headers;
    r.header_count = 3;
    send(producer, out);
    const auto got = take_all(consumer, 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].body == binary);
    CHECK(got[0].key == "k\xc3\xa4");
    CHECK(got[0].headers ==
          std::vector<std::pair<std::string, std::string>>{{"h", "1"}, {"h", binary}, {binary, ""}});
    send(plain, {R"({"n":1})", R"({"volley":1,"no":"envelope"})"});
    const auto bare = take_all(consumer, 2);
    REQUIRE(bare.size() == 2);
    CHECK(bare[0].body == R"({"n":1})");
    CHECK(bare[1].body == R"({"volley":1,"no":"envelope"})");
}

// Faults of Redis and of the connection to it.
#include "atomic.hpp"
#include "proxy.hpp"

using namespace volley;
using namespace volley::test;

namespace {

std::int32_t send_one(RsmqRig& rig, plugins::Producer& producer, const std::string& body,
                      const std::string& id) {
    Outgoing out;
    out.add(body).id = out.keep(id);
    REQUIRE(send(producer, out) == 1);
    return rig.reports.all.back().status;
}

}  // namespace

TEST_CASE("a send whose reply was lost is stored once, however often it is repeated", "[rsmq]") {
    RsmqRig rig;
    Proxy proxy(rig.port());
    auto producer = rig.Rig::producer("q", "{\"port\": " + std::to_string(proxy.port()) + "}");
    send_one(rig, producer, "first", "0");
    proxy.lose_reply_to("EVALSHA");
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_E_UNKNOWN);
    CHECK(proxy.lost() == 1);
    proxy.lose_reply_to("EVALSHA");
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_E_UNKNOWN);
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_OK);
    CHECK(rig.waiting() == "2");
    CHECK(rig.attribute("totalsent") == "2");
}

TEST_CASE("an ack whose reply was lost succeeds when it is repeated", "[rsmq]") {
    RsmqRig rig;
    Proxy proxy(rig.port());
    auto producer = rig.producer();
    auto consumer = rig.Rig::consumer("q", "{\"port\": " + std::to_string(proxy.port()) + "}");
    send(producer, {"a", "b"});
    const auto got = take_all(consumer, 2);
    REQUIRE(settle(consumer, {got[0]}, VOLLEY_ACK) == Results{VOLLEY_OK});
    proxy.lose_reply_to("EVALSHA");
    CHECK(settle(consumer, {got[1]}, VOLLEY_ACK) == Results{VOLLEY_E_RETRY});
    CHECK(settle(consumer, {got[1]}, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(rig.waiting() == "0");
}

TEST_CASE("a commit whose permission check got no reply was not committed", "[rsmq]") {
    Committing c;
    send(c.in, {"a"});
    const auto got = take_all(c.consumer, 1);
    Outgoing outputs;
    outputs.add("out of a");
    auto acks = acks_of(got);
    c.proxy.lose_reply_to("EXEC");
    CHECK(c.commit(c.consumer, outputs, acks) == VOLLEY_E_RETRY);
    CHECK(c.rig.waiting() == "1");
    CHECK(c.commit(c.consumer, outputs, acks) == VOLLEY_OK);
    CHECK(stored(c.rig) == "out of a");
}

TEST_CASE("a commit whose reply was lost is committed once", "[rsmq]") {
    Committing c;
    send(c.in, {"a", "b"});
    const auto got = take_all(c.consumer, 2);
    const auto commit = [&](const Received& message) {
        Outgoing outputs;
        outputs.add("out of " + *message.body);
        auto acks = acks_of({message});
        return c.commit(c.consumer, outputs, acks);
    };
    REQUIRE(commit(got[0]) == VOLLEY_OK);
    c.proxy.lose_reply_to("ZREM");
    CHECK(commit(got[1]) == VOLLEY_E_UNKNOWN);
    CHECK(commit(got[1]) == VOLLEY_OK);
    CHECK(c.rig.waiting() == "0");
    CHECK(c.rig.command({"ZCARD", "rsmq:out"}) == "2");
}

// Redis may drop the key that shows whether it was committed. Then only the receipts show it.
TEST_CASE("a repeated commit whose key is gone is reported as lost", "[rsmq]") {
    Committing c;
    REQUIRE(c.commit.joins(c.consumer));
    send(c.in, {"a", "b", "c", "d"});
    take_all(c.consumer, 2);
    auto acks =
        acks_of(take_all(c.consumer, 2));  // the second receive of a run: its commit compares no receipt
    Outgoing outputs;
    outputs.add("out");
    c.proxy.lose_reply_to("ZREM");
    CHECK(c.commit(c.consumer, outputs, acks) == VOLLEY_E_UNKNOWN);
    REQUIRE(
        c.rig.command({"EVAL", "return redis.call('DEL', unpack(redis.call('KEYS', 'rsmq:volley:commit:*')))",
                       "0"}) == "1");
    CHECK(c.commit(c.consumer, outputs, acks) == VOLLEY_E_LOST);
    CHECK(c.rig.command({"HGET", "rsmq:out:Q", "totalsent"}) == "1");
}

TEST_CASE("a flushed script cache is not noticed", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    for (int i = 0; i < 3; ++i) {
        rig.command({"SCRIPT", "FLUSH"});
        send(producer, {"x"});
        CHECK(settle(consumer, take_all(consumer, 1), VOLLEY_ACK) == Results{VOLLEY_OK});
    }
}

TEST_CASE("after a restart of Redis all reported messages are there", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b"});
    const auto got = take_all(consumer, 1);
    rig.kill();
    Room room(1);
    const auto failed = consumer.consume(room.batch, 0);
    REQUIRE_FALSE(failed.has_value());
    CHECK((failed.error().code == ErrorCode::retry || failed.error().code == ErrorCode::unknown));
    CHECK(send_one(rig, producer, "c", "1") != VOLLEY_OK);
    CHECK(send_one(rig, producer, "c", "1") == VOLLEY_E_RETRY);  // not even connected: certainly not stored
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_E_RETRY});
    rig.start();
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(send_one(rig, producer, "c", "1") == VOLLEY_OK);
    CHECK(bodies(take_all(consumer, 2)) == Bodies{"b", "c"});
}

TEST_CASE("a frozen Redis is given up after command_timeout_ms", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer("q", ", \"command_timeout_ms\": 200");
    rig.signal(SIGSTOP);
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_E_UNKNOWN);
    rig.signal(SIGCONT);
    wait_for("it answers again", [&] { return send_one(rig, producer, "x", "1") == VOLLEY_OK; });
    CHECK(rig.waiting() == "1");
}

TEST_CASE("a full Redis refuses sends, but not receives and settlements", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b"});
    const auto got = take_all(consumer, 1);
    rig.command({"CONFIG", "SET", "maxmemory", "1"});
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_E_RETRY);
    const auto* lease = static_cast<const volley_ext_lease*>(consumer.extension(VOLLEY_EXT_LEASE));
    std::int32_t result = VOLLEY_E_UNKNOWN;
    CHECK(lease->extend(consumer.get(), &got[0].handle, &result, 1, 30'000, nullptr) == VOLLEY_OK);
    CHECK(result == VOLLEY_OK);
    const auto other = take_all(consumer, 1);
    REQUIRE(bodies(other) == Bodies{"b"});
    CHECK(settle(consumer, other, VOLLEY_NACK) == Results{VOLLEY_OK});
    const auto again = take_all(consumer, 1);
    REQUIRE(bodies(again) == Bodies{"b"});
    CHECK(settle(consumer, {got[0], again[0]}, VOLLEY_ACK) == Results{VOLLEY_OK, VOLLEY_OK});
    rig.command({"CONFIG", "SET", "maxmemory", "0"});
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_OK);
    CHECK(rig.waiting() == "1");
}

TEST_CASE("the connection to a demoted master is dropped, and its successor at the same address is used",
          "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    rig.command({"CONFIG", "SET", "replica-serve-stale-data", "yes"});
    rig.command({"REPLICAOF", "127.0.0.1", "1"});
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_E_RETRY);
    Room room(1);
    CHECK(consumer.consume(room.batch, 0).has_value());  // an empty queue changes nothing
    rig.command({"REPLICAOF", "NO", "ONE"});
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_OK);
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"x"});
}

TEST_CASE("a queue that another client deleted is created again", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    rig.command({"FLUSHALL"});
    CHECK(take(consumer, 1).empty());
    CHECK(rig.attribute("vt") == "30");
    rig.command({"FLUSHALL"});
    CHECK(send_one(rig, producer, "x", "1") == VOLLEY_OK);
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"x"});
}

TEST_CASE("a Redis that cannot be reached is a passing error", "[rsmq]") {
    Rig rig("rsmq.so");
    int port = 0;
    const int taken = bind_free(port);  // bound, but not listening
    auto consumer = rig.create_consumer("q", "{\"port\": " + std::to_string(port) + "}");
    REQUIRE(consumer.has_value());
    CHECK(consumer->open().error().code == ErrorCode::retry);
    ::close(taken);
}

TEST_CASE("a malformed reply breaks the connection, and the next try succeeds", "[rsmq]") {
    const std::vector<std::string> malformed{
        ":1\r\n",
        ":-9223372036854775808\r\n",
        "+OK\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "$0\r\n\r\n",
        "*1\r\n$-1\r\n",
        "*2\r\n$-1\r\n$-1\r\n",
        "*3\r\n$-1\r\n$-1\r\n$-1\r\n",
        "*3\r\n:1\r\n:1\r\n:1\r\n",
        "*3\r\n*0\r\n*0\r\n*0\r\n",
        "*5\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n",
        "*7\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n",
        "*7\r\n:1\r\n:1\r\n*1\r\n$-1\r\n*1\r\n$-1\r\n*0\r\n$0\r\n\r\n:1\r\n",
        "*7\r\n:1\r\n:1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$1\r\nx\r\n*0\r\n$0\r\n\r\n:1\r\n",
        "*7\r\n:1\r\n:-1\r\n*1\r\n$1\r\na\r\n*1\r\n$1\r\nx\r\n*0\r\n$0\r\n\r\n:1\r\n",
        "*1000000\r\n",
        "$536870912\r\nx",
        "$5\r\nab",
        "*2\r\n$19\r\n9223372036854775807\r\n$1\r\n9\r\n",
        "*2\r\n$20\r\n-9223372036854775808\r\n$1\r\n9\r\n",
        "?what\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "-\r\n",
        "-ERR\r\n"};
    RsmqRig rig;
    Proxy proxy(rig.port());
    const std::string config =
        "{\"command_timeout_ms\": 200, \"port\": " + std::to_string(proxy.port()) + "}";
    for (const std::string& reply : malformed) {
        INFO(reply);
        std::optional<plugins::Producer> producer;
        for (const char* word : {"HMGET", "TIME"}) {
            auto opened = rig.create_producer("q", config);
            REQUIRE(opened);
            proxy.reply(word, reply);
            wait_for("it opens", [&] { return static_cast<bool>(opened->open()); });
            CHECK_FALSE(proxy.is_armed());
            producer.emplace(std::move(*opened));
        }
        proxy.reply("EVALSHA", reply);
        wait_for("it sends", [&] { return send_one(rig, *producer, "x", "1") == VOLLEY_OK; });
        auto consumer = rig.create_consumer("q", config);
        REQUIRE(consumer);
        wait_for("it opens", [&] { return static_cast<bool>(consumer->open()); });
        proxy.reply("EVALSHA", reply);
        std::vector<Received> got;
        wait_for("it receives", [&] {
            Room room(1);
            if (consumer->consume(room.batch, 50)) got = room.received();
            return got.size() == 1;
        });
        proxy.reply("EVALSHA", reply);
        wait_for("it settles", [&] { return settle(*consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK}; });
        CHECK_FALSE(proxy.is_armed());
        CHECK(rig.waiting() == "0");
    }
}

TEST_CASE("a reply without an end is given up after command_timeout_ms", "[rsmq]") {
    int port = 0;
    const int listener = bind_free(port);
    REQUIRE(::listen(listener, 1) == 0);
    std::thread server([&] {
        const int client = ::accept(listener, nullptr, nullptr);
        const std::string more(1 << 20, '+');  // a status line, which is searched for its end repeatedly
        while (::send(client, more.data(), more.size(), MSG_NOSIGNAL) > 0) continue;
        ::close(client);
    });
    RsmqRig rig;
    auto producer =
        rig.create_producer("q", "{\"command_timeout_ms\": 50, \"port\": " + std::to_string(port) + "}");
    REQUIRE(producer);
    const auto opened = producer->open();
    server.join();
    ::close(listener);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().text.find("nothing within 50 ms") != std::string::npos);
}

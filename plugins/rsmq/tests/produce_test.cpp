// RsmqProducer and atomic commits against a real Redis.
#include <algorithm>

#include "atomic.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("an id is the time of Redis to the base 36, and 22 characters", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    send(producer, {"a", "b"});
    const std::string ids = rig.command({"ZRANGE", "rsmq:q", "0", "-1"});
    REQUIRE(ids.size() == 65);
    CHECK(std::all_of(ids.begin(), ids.begin() + 32, [](char c) { return std::isalnum(c) != 0; }));
    const long long seconds = std::stoll(ids.substr(0, 10), nullptr, 36) / 1'000'000;
    CHECK(std::abs(seconds - std::stoll(rig.command({"TIME"}))) <= 5);
}

TEST_CASE("a maxsize that is no number is no limit", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    rig.command({"HSET", "rsmq:q:Q", "maxsize", "abc"});
    send(producer, {"learns maxsize"});
    send(producer, {std::string(100'000, 'x')});
    CHECK(rig.waiting() == "2");
}

TEST_CASE("messages sent in one batch are delivered in its order", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    Outgoing out;
    Bodies sent;
    for (int i = 0; i < 1500; ++i) out.add(sent.emplace_back(std::to_string(i)));
    send(producer, out);
    CHECK(bodies(take_all(consumer, 1500)) == sent);
}

TEST_CASE("each record is reported once, and only those that are too long are refused", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer("q", ", \"maxsize\": 1024");
    Outgoing out;
    out.add(std::string(1024, 'x'));
    out.add(std::string(1025, 'x'));
    std::string umlauts;
    for (int i = 0; i < 1024; ++i) umlauts += "\xc3\xa4";  // characters count, not bytes
    out.add(umlauts);
    out.add("x").body = volley_view{};
    REQUIRE(send(producer, out) == 4);
    REQUIRE(rig.reports.all.size() == 4);
    std::vector<std::int32_t> by_token(5);
    for (const volley_report& r : rig.reports.all) by_token.at(r.token) = r.status;
    CHECK(by_token == Results{0, VOLLEY_OK, VOLLEY_E_TOO_LARGE, VOLLEY_OK, VOLLEY_E_UNSUPPORTED});
    CHECK(rig.waiting() == "2");
}

TEST_CASE("the delay of a message overrides the queue's", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer("q", ", \"delay\": 600");
    auto consumer = rig.consumer();
    Outgoing out;
    out.add("soon").delay_ms = 1;
    out.add("late");
    send(producer, out);
    CHECK(bodies(take(consumer, 2, 2000)) == Bodies{"soon"});
    CHECK(rig.waiting() == "2");
}

TEST_CASE("megabytes in one call are sent in several requests, and all messages arrive", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    Outgoing out;
    for (int i = 0; i < 500; ++i) out.add(std::string(60'000, static_cast<char>('a' + i % 26)));
    REQUIRE(send(producer, out) == 500);
    std::size_t taken = 0;
    while (taken < 500) {
        const auto batch = take(consumer, 512, 1000);
        REQUIRE_FALSE(batch.empty());
        for (const Received& r : batch)
            REQUIRE((*r.body == std::string(60'000, static_cast<char>('a' + taken++ % 26))));
        settle(consumer, batch, VOLLEY_ACK);
    }
}

TEST_CASE("with realtime each message is published as node's rsmq does, sent or committed", "[rsmq]") {
    RsmqRig rig;
    auto in = rig.producer();
    auto consumer = rig.consumer();
    auto out = rig.producer("out", ", \"realtime\": true");
    const AtomicCommit commit(out);
    REQUIRE(commit.joins(consumer));
    send(in, {"x"});
    const auto got = take_all(consumer, 1);
    std::unique_ptr<redisContext, decltype(&redisFree)> c(redisConnect("127.0.0.1", rig.port()), &redisFree);
    freeReplyObject(redisCommand(c.get(), "SUBSCRIBE rsmq:rt:out"));
    send(out, {"a", "b"});
    Outgoing outputs;
    outputs.add("c");
    outputs.add("d");
    auto acks = acks_of(got);
    CHECK(commit(consumer, outputs, acks) == VOLLEY_OK);
    for (const char* length : {"1", "2", "3", "4"}) {
        redisReply* published = nullptr;
        REQUIRE(redisGetReply(c.get(), reinterpret_cast<void**>(&published)) == REDIS_OK);
        CHECK(std::string(published->element[2]->str) == length);
        freeReplyObject(published);
    }
}

TEST_CASE("outputs and acks are committed together", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    CHECK(atomic.functions.joins(atomic.consumer));
    send(atomic.in, {"a", "b"});
    const auto got = take_all(atomic.consumer, 2);
    Outgoing out;
    out.add("A");
    CHECK(atomic.commit(got, out) == VOLLEY_OK);
    CHECK(rig.waiting() == "0");
    CHECK(rig.command({"ZCARD", "rsmq:out"}) == "1");
    CHECK(rig.command({"HGET", "rsmq:out:Q", "totalsent"}) == "1");
    CHECK(settle(atomic.consumer, got, VOLLEY_ACK) == Results(2, VOLLEY_E_LOST));  // they are closed
}

TEST_CASE("a commit with one lost message changes nothing", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    auto other = rig.consumer();
    send(atomic.in, {"a", "b"});
    const auto got = take_all(atomic.consumer, 2);
    rig.expire_leases();
    REQUIRE(take(other, 1).size() == 1);
    Outgoing out;
    out.add("A");
    CHECK(atomic.commit(got, out) == VOLLEY_E_LOST);
    CHECK(std::count_if(atomic.settlements.begin(), atomic.settlements.end(),
                        [](const volley_settlement& s) { return s.result == VOLLEY_E_LOST; }) == 1);
    CHECK(rig.waiting() == "2");
    CHECK(rig.command({"ZCARD", "rsmq:out"}) == "0");
}

TEST_CASE("a failed commit changes nothing, and leaves no key behind", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a", "b"});
    const auto got = take_all(atomic.consumer, 2);
    Outgoing out;
    out.add("A");
    const auto all = [&rig] {
        return rig.command({"HGETALL", "rsmq:q:Q"}) +
               rig.command({"ZRANGE", "rsmq:q", "0", "-1", "WITHSCORES"});
    };
    const std::string before = all();
    rig.command({"SET", "rsmq:out", "no sorted set"});
    CHECK(atomic.commit(got, out) == VOLLEY_E_CONFIG);
    CHECK(all() == before);
    CHECK(rig.command({"GET", "rsmq:out"}) == "no sorted set");
    rig.command({"DEL", "rsmq:out"});
    rig.command({"EVAL", "redis.call('HINCRBY', KEYS[1], ARGV[1] .. ':rc', 1)", "1", "rsmq:q:Q", got[1].id});
    const std::string stolen = all();
    CHECK(atomic.commit(got, out) == VOLLEY_E_LOST);
    CHECK(all() == stolen);
    CHECK(rig.command({"KEYS", "rsmq:volley:*"}) == "");
    CHECK(rig.command({"HLEN", "rsmq:out:Q"}) == "5");
}

TEST_CASE("a commit creates a deleted output queue again, and uses its current attributes", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a", "b", "c"});
    const auto got = take_all(atomic.consumer, 3);
    rig.command({"DEL", "rsmq:out:Q"});
    Outgoing first, second, third;
    first.add("A");
    CHECK(atomic.commit({got[0]}, first) == VOLLEY_OK);
    rig.command({"HSET", "rsmq:out:Q", "delay", "600", "maxsize", "1024"});
    second.add("B");
    CHECK(atomic.commit({got[1]}, second) == VOLLEY_OK);
    const std::string visible = rig.command({"TIME"}).substr(0, 10) + "999";
    CHECK(rig.command({"ZCOUNT", "rsmq:out", "-inf", visible}) == "1");
    third.add(std::string(1025, 'x'));
    CHECK(atomic.commit({got[2]}, third) == VOLLEY_E_TOO_LARGE);
    rig.command({"HSET", "rsmq:out:Q", "maxsize", "-1"});
    CHECK(atomic.commit({got[2]}, third) == VOLLEY_OK);
    CHECK(rig.waiting() == "0");
}

TEST_CASE("a queue may be its own output", "[rsmq]") {
    RsmqRig rig;
    auto consumer = rig.consumer();
    auto producer = rig.producer();
    send(producer, {"a"});
    const auto got = take_all(consumer, 1);
    const AtomicCommit atomic(producer);
    const auto commit = [&] {
        Outgoing out;
        out.add("again");
        auto acks = acks_of(got);
        return atomic(consumer, out, acks);
    };
    rig.expire_leases();
    auto other = rig.consumer();
    REQUIRE(take_all(other, 1).size() == 1);
    CHECK(commit() == VOLLEY_E_LOST);
    CHECK(rig.waiting() == "1");
    CHECK(rig.attribute(got[0].id) == "a");
}

TEST_CASE("a producer of another database does not join", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    auto elsewhere = rig.producer("out", ", \"db\": 1");
    CHECK_FALSE(AtomicCommit(elsewhere).joins(atomic.consumer));
}

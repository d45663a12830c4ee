// StreamProducer against a real Redis.
#include "proxy.hpp"
#include "streams.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("keys, headers and bodies of every size arrive unchanged", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    std::string huge;
    huge.resize(10'000'000, 'h');
    const std::string binary("\0\r\n\xff$5\r\n\x80", 9);
    Outgoing out;
    out.add(huge);
    out.add(binary).key = out.keep("k");
    const volley_header headers[] = {{view_of("a"), view_of("1")}, {view_of("a"), view_of("2")}};
    auto& with_headers = out.add("x");
    with_headers.headers = headers;
    with_headers.header_count = 2;
    out.add("").body = {};
    REQUIRE(send(producer, out) == 4);
    const auto got = take_all(consumer, 4);
    REQUIRE(got.size() == 4);
    CHECK((got[0].body == huge));
    CHECK(got[1].body == binary);
    CHECK(got[1].key == "k");
    CHECK(got[2].headers == std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"a", "2"}});
    CHECK_FALSE(got[3].body.has_value());
}

TEST_CASE("thousands of messages keep their order, and each is reported once", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    Outgoing out;
    Bodies sent;
    for (int i = 0; i < 3000; ++i) out.add(sent.emplace_back(std::to_string(i)));
    REQUIRE(send(producer, out) == 3000);
    CHECK(rig.reports.all.size() == 3000);
    CHECK(bodies(take_all(consumer, 3000)) == sent);
}

TEST_CASE("a send whose reply is lost is unknown, and one that Redis refuses leaves nothing",
          "[redis-streams]") {
    StreamsRig rig;
    Proxy way(rig.port());
    auto producer = rig.Rig::producer("s", "{\"port\": " + std::to_string(way.port()) + "}");
    way.lose_reply_to("EXEC");
    send(producer, {"a"});
    CHECK(rig.reports.all.at(0).status == VOLLEY_E_UNKNOWN);
    rig.command({"DEL", "s"});
    rig.command({"CONFIG", "SET", "maxmemory", "1"});
    send(producer, {"b", "c"});
    rig.command({"CONFIG", "SET", "maxmemory", "0"});
    CHECK(rig.reports.all.at(1).status == VOLLEY_E_RETRY);
    CHECK(rig.length() == "0");
    rig.command({"SET", "s", "no stream"});
    send(producer, {"d"});
    CHECK(rig.reports.all.at(3).status == VOLLEY_E_CONFIG);
}

TEST_CASE("trimming removes what every group has acked, and nothing else", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer(", \"maxlen\": 10");
    const auto send_many = [&] {
        Outgoing out;
        for (int i = 0; i < 500; ++i) out.add(std::to_string(i));
        REQUIRE(send(producer, out) == 500);
    };
    send_many();
    CHECK(rig.length() == "500");  // there is no group, so nothing is acked
    auto consumer = rig.consumer();
    const auto got = take_all(consumer, 250);
    settle(consumer, {got.begin() + 1, got.end()}, VOLLEY_ACK);
    send_many();
    CHECK(rig.length() == "1000");  // the first is in flight
    settle(consumer, {got[0]}, VOLLEY_ACK);
    send_many();
    CHECK(std::stoi(rig.length()) < 1450);
    CHECK(std::stoi(rig.length()) >= 1250);
    CHECK(take_all(consumer, 1250).size() == 1250);
}

TEST_CASE("trim: always keeps to maxlen, whatever was acked", "[redis-streams]") {
    StreamsRig rig;
    auto producer = rig.producer(", \"maxlen\": 10, \"trim\": \"always\"");
    auto consumer = rig.consumer();
    take(consumer, 1);
    Outgoing out;
    for (int i = 0; i < 500; ++i) out.add(std::to_string(i));
    REQUIRE(send(producer, out) == 500);
    CHECK(std::stoi(rig.length()) <= 110);
}

// Stats, peek, find, remove and purge.
#include "server.hpp"

using namespace volley;
using namespace volley::test;

namespace {

const volley_ext_inspect& inspect(plugins::Consumer& consumer) {
    const auto* functions = static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT));
    REQUIRE(functions != nullptr);
    return *functions;
}

}  // namespace

TEST_CASE("stats count ready, in-flight and delayed messages", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"in flight", "ready", "ready"});
    Outgoing out;
    for (int i = 0; i < 3; ++i) out.add("delayed").delay_ms = 60'000;
    send(producer, out);
    REQUIRE(take_all(consumer, 1).size() == 1);
    volley_stats stats{};
    stats.struct_size = sizeof stats;
    REQUIRE(inspect(consumer).stats(consumer.get(), &stats, nullptr) == VOLLEY_OK);
    CHECK(stats.ready == 2);
    CHECK(stats.in_flight == 1);
    CHECK(stats.delayed == 3);
    CHECK(stats.oldest_ms >= 0);
    CHECK(stats.oldest_ms < 60'000);
}

TEST_CASE("peek shows messages from a place on, and receives none", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b", "c"});
    Room room(2);
    REQUIRE(inspect(consumer).peek(consumer.get(), &room.batch, 1, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"b", "c"});
    CHECK(room.received()[0].delivery_count == 0);
    CHECK(room.messages[0].timestamp_ms > 1'600'000'000'000);
    CHECK(take_all(consumer, 3).size() == 3);
}

TEST_CASE("a message is found and removed by its id, and an attribute is not a message", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b"});
    const std::string id = rig.command({"ZRANGE", "rsmq:q", "0", "0"});
    const volley_ext_inspect& functions = inspect(consumer);
    Room room(1);
    REQUIRE(functions.find(consumer.get(), view_of(id), &room.batch, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"a"});
    std::uint64_t removed = 9;
    REQUIRE(functions.remove(consumer.get(), view_of(id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    CHECK(rig.waiting() == "1");
    for (const char* attribute : {"vt", "maxsize", "totalsent"}) {
        REQUIRE(functions.find(consumer.get(), volley_text(attribute), &room.batch, nullptr) == VOLLEY_OK);
        CHECK(room.batch.count == 0);
        REQUIRE(functions.remove(consumer.get(), volley_text(attribute), &removed, nullptr) == VOLLEY_OK);
        CHECK(removed == 0);
    }
    CHECK(rig.command({"HLEN", "rsmq:q:Q"}) == "7");
}

TEST_CASE("purge empties a queue of any length, and leaves the queue", "[rsmq]") {
    RsmqRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    Outgoing out;
    for (int i = 0; i < 2500; ++i) out.add("x");
    send(producer, out);
    std::uint64_t removed = 0;
    REQUIRE(inspect(consumer).purge(consumer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 2500);
    CHECK(rig.waiting() == "0");
    CHECK(rig.attribute("vt") == "30");
    CHECK(inspect(consumer).check(consumer.get(), 1000, nullptr) == VOLLEY_OK);
}

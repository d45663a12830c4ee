// volley.inspect/1: stats, peek, find, remove, purge.
#include "server.hpp"

using namespace volley;
using namespace volley::test;

namespace {

template <typename Instance>
const volley_ext_inspect& inspect(Instance& instance) {
    const auto* table = static_cast<const volley_ext_inspect*>(instance.extension(VOLLEY_EXT_INSPECT));
    REQUIRE(table != nullptr);
    return *table;
}

template <typename Instance>
volley_stats stats(Instance& instance) {
    volley_stats s{};
    s.struct_size = sizeof s;
    REQUIRE(inspect(instance).stats(instance.get(), &s, nullptr) == VOLLEY_OK);
    return s;
}

}  // namespace

TEST_CASE("stats tell what waits, what is at work and what is delayed", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    auto empty = rig.producer("empty");
    CHECK(stats(empty).oldest_ms == -1);
    Outgoing out;
    out.add("a"), out.add("b"), out.add("c");
    out.add("later").delay_ms = 3'600'000;
    send(producer, out);
    const auto got = take(consumer, 1);
    const volley_stats s = stats(producer);
    CHECK(s.ready == 2);
    CHECK(s.in_flight == 1);
    CHECK(s.delayed == 1);
    CHECK(s.dead == -1);
    CHECK(s.oldest_ms >= 0);
    rig.expire_leases();
    const volley_stats later = stats(consumer);  // of another instance: counts may be some time old
    CHECK(later.ready == 3);
    CHECK(later.in_flight == 0);
}

TEST_CASE("peek takes nothing, and find and remove go by the id that it shows", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b", "c"});
    const auto taken = take(consumer, 1);
    Room room(5);
    REQUIRE(inspect(producer).peek(producer.get(), &room.batch, 0, nullptr) == VOLLEY_OK);
    const auto shown = room.received();
    CHECK(bodies(shown) == Bodies{"b", "c"});
    CHECK(shown[0].handle == 0);
    CHECK(shown[0].delivery_count == 1);
    REQUIRE(inspect(producer).peek(producer.get(), &room.batch, 1, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"c"});

    REQUIRE(inspect(consumer).find(consumer.get(), view_of(shown[1].id), &room.batch, nullptr) == VOLLEY_OK);
    CHECK(bodies(room.received()) == Bodies{"c"});
    for (const std::string& id : {std::string("none"), std::string("999999"), taken[0].id}) {
        REQUIRE(inspect(consumer).find(consumer.get(), view_of(id), &room.batch, nullptr) == VOLLEY_OK);
        CHECK(room.batch.count == 0);
    }
    std::uint64_t removed = 7;
    REQUIRE(inspect(consumer).remove(consumer.get(), view_of(shown[1].id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    REQUIRE(inspect(consumer).remove(consumer.get(), view_of(shown[1].id), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 0);
}

TEST_CASE("purge leaves what is at work", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    send(producer, {"a", "b", "c"});
    const auto got = take(consumer, 1);
    std::uint64_t removed = 0;
    REQUIRE(inspect(producer).purge(producer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 2);
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(inspect(producer).check(producer.get(), 1000, nullptr) == VOLLEY_OK);
}

// SqliteConsumer: order, claims, settlements, leases, waiting.
#include <future>

#include "database.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("messages leave the database in the order in which they came", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"a", "b"});
    send(producer, {"c"});
    const auto first = take(consumer, 2);
    CHECK(bodies(first) == Bodies{"a", "b"});
    CHECK(first[0].delivery_count == 1);
    CHECK(first[0].lease_ms == 30'000);
    CHECK(bodies(take(consumer, 2)) == Bodies{"c"});
    CHECK(take(consumer, 2).empty());
}

TEST_CASE("queues of one file do not mix", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("one");
    auto consumer = rig.consumer("two");
    send(producer, {"a"});
    CHECK(take(consumer, 1).empty());
}

TEST_CASE("two consumers of one queue share it", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto one = rig.consumer("q"), two = rig.consumer("q");
    send(producer, {"a", "b", "c"});
    CHECK(bodies(take(one, 2)) == Bodies{"a", "b"});
    CHECK(bodies(take(two, 2)) == Bodies{"c"});
}

TEST_CASE("each settlement does what it says, in any order, within one call", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"acked", "nacked", "left", "later"});
    const auto got = take_all(consumer, 4);
    std::vector<volley_settlement> all(5);
    for (std::size_t i = 0; i < 4; ++i) all[i].handle = got[3 - i].handle;
    all[0].outcome = VOLLEY_NACK;
    all[0].delay_ms = 3'600'000;
    all[1].outcome = VOLLEY_RELEASE;
    all[2].outcome = VOLLEY_NACK;
    all[3].outcome = VOLLEY_ACK;
    all[4].handle = all[3].handle;  // twice
    REQUIRE(consumer.settle(all.data(), 5));
    for (std::size_t i = 0; i < 4; ++i) CHECK(all[i].result == VOLLEY_OK);
    CHECK(all[4].result == VOLLEY_E_LOST);

    const auto again = take(consumer, 4);
    CHECK(bodies(again) == Bodies{"nacked", "left"});
    CHECK(again[0].delivery_count == 2);
    CHECK(again[1].delivery_count == 1);  // released: it was not attempted
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "3");
}

TEST_CASE("a delayed message is not visible before its time, and is afterwards", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    Outgoing out;
    out.add("far").delay_ms = 3'600'000;
    out.add("near").delay_ms = 40;
    const auto start = std::chrono::system_clock::now();
    REQUIRE(send(producer, out) == 2);

    const auto near = take_all(consumer, 1);
    CHECK(bodies(near) == Bodies{"near"});
    CHECK(std::chrono::system_clock::now() - start >= std::chrono::milliseconds(39));  // whole milliseconds
    settle(consumer, near, VOLLEY_NACK, 20);
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"near"});
}

TEST_CASE("a claim whose lease ran out is another's, and the late acknowledgement changes nothing",
          "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto late = rig.consumer("q");
    auto other = rig.consumer("q");
    send(producer, {"a"});
    const auto first = take(late, 1);
    REQUIRE(first.size() == 1);
    rig.sql("UPDATE volley_messages SET visible_at = 1");  // the lease ended long ago

    const auto second = take_all(other, 1);
    REQUIRE(second.size() == 1);
    CHECK(second[0].delivery_count == 2);
    CHECK(settle(late, first, VOLLEY_ACK) == Results{VOLLEY_E_LOST});
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "1");
    CHECK(settle(other, second, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "0");
}

TEST_CASE("an extended lease ends later, and one that is lost says so", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"a", "b"});
    const auto got = take_all(consumer, 2);
    rig.sql("UPDATE volley_messages SET token = 1 WHERE body = 'b'");
    const auto* lease = static_cast<const volley_ext_lease*>(consumer.extension(VOLLEY_EXT_LEASE));
    REQUIRE(lease != nullptr);

    const std::uint64_t handles[] = {got[0].handle, got[1].handle};
    std::int32_t results[2]{};
    REQUIRE(lease->extend(consumer.get(), handles, results, 2, 3'600'000, nullptr) == VOLLEY_OK);
    CHECK(results[0] == VOLLEY_OK);
    CHECK(results[1] == VOLLEY_E_LOST);
    CHECK(rig.sql("SELECT visible_at > (julianday('now') - 2440587.5) * 86400000 + 3000000 FROM "
                  "volley_messages WHERE body = 'a'") == "1");
}

TEST_CASE("views stay as they are until their message is settled, whatever else passes", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"the first one", "its neighbour"});
    Room room(2);
    REQUIRE(consumer.consume(room.batch, 0));
    settle(consumer, {room.received()[1]}, VOLLEY_ACK);
    for (int i = 0; i < 20; ++i) {
        send(producer, {"another body", "and one more"});
        settle(consumer, take(consumer, 2), VOLLEY_ACK);
    }
    CHECK(text_of(room.messages[0].body) == "the first one");
}

TEST_CASE("a batch ends with the message that reaches its limit in bytes, and the rest is not claimed",
          "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {std::string(100, 'x'), std::string(100, 'x'), std::string(100, 'x')});
    Room room(3, 150);
    REQUIRE(consumer.consume(room.batch, 0));
    CHECK(room.batch.count == 2);
    CHECK(rig.sql("SELECT count(*) FROM volley_messages WHERE token IS NULL") == "1");
}

TEST_CASE("an interrupt ends a consume that waits on the database", "[sqlite]") {
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    auto waiting = std::async(std::launch::async, [&] { return take(consumer, 1, 60'000).size(); });
    consumer.interrupt();
    REQUIRE(waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(waiting.get() == 0);
}

TEST_CASE("a message wakes a consumer that waits, from here or from another program", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    auto waiting = std::async(std::launch::async, [&] { return take(consumer, 1, 60'000).size(); });
    send(producer, {"a"});
    REQUIRE(waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(waiting.get() == 1);

    auto again = std::async(std::launch::async, [&] { return bodies(take(consumer, 1, 60'000)); });
    rig.sql("INSERT INTO volley_messages (queue, body) VALUES ('q', 'b')");
    REQUIRE(again.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(again.get() == Bodies{"b"});
}

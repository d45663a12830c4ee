// SqliteProducer, alone and with SQL beside it; and the atomic commit.
#include "database.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("key, headers, empty bodies, tombstones and bytes survive the database", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    Outgoing out;
    const std::string binary("\0\xff\x80", 3);
    volley_record& full = out.add(binary);
    const volley_header headers[] = {
        {out.keep("h"), out.keep("1")}, {out.keep("h"), out.keep("")}, {out.keep("b"), out.keep(binary)}};
    full.key = out.keep("k\xc3\xa4");
    full.headers = headers;
    full.header_count = 3;
    out.add("");
    out.add("x").body = volley_view{};
    REQUIRE(send(producer, out) == 3);

    const auto got = take_all(consumer, 3);
    REQUIRE(got.size() == 3);
    CHECK(got[0].body == binary);
    CHECK(got[0].key == "k\xc3\xa4");
    CHECK(got[0].headers ==
          std::vector<std::pair<std::string, std::string>>{{"h", "1"}, {"h", ""}, {"b", binary}});
    CHECK(got[1].body == "");
    CHECK_FALSE(got[1].key.has_value());
    CHECK_FALSE(got[2].body.has_value());
}

TEST_CASE("each accepted record is reported once, after it is in the database", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    send(producer, {"a", "b"});
    REQUIRE(rig.reports.all.size() == 2);
    CHECK(rig.reports.all[1].token == 2);
    CHECK(rig.reports.all[1].status == VOLLEY_OK);
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "2");
}

TEST_CASE("a JSON body is text to SQL, and a row of another program is a message", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {R"({"n": 7})"});
    CHECK(rig.sql("SELECT json_extract(body, '$.n') FROM volley_messages") == "7");
    rig.sql(R"(INSERT INTO volley_messages (queue, body, headers) VALUES ('q', 'mine', '{"a":"b"}'))");

    const auto got = take_all(consumer, 2);
    CHECK(bodies(got) == Bodies{R"({"n": 7})", "mine"});
    CHECK(got[1].headers == std::vector<std::pair<std::string, std::string>>{{"a", "b"}});
}

TEST_CASE("a record that is over the limit of a row is refused alone", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    Outgoing out;
    out.add("small");
    out.add("x").body.size = 2'000'000'000;  // refused by its size: never read
    REQUIRE(send(producer, out) == 2);
    CHECK(rig.reports.all[0].status == VOLLEY_OK);
    CHECK(rig.reports.all[1].status == VOLLEY_E_TOO_LARGE);
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "1");
}

TEST_CASE("a database that another process holds is tried again, and nothing is accepted", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q", R"({"busy_timeout_ms": 20})");
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open((rig.path / "volley.db").c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    Outgoing out;
    out.add("a");
    std::uint32_t accepted = 7;
    const auto refused = producer.produce(out.records.data(), 1, accepted);
    sqlite3_close(other);

    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::retry);
    CHECK(accepted == 0);
    CHECK(rig.reports.all.empty());
    CHECK(send(producer, out) == 1);
}

TEST_CASE("outputs and acknowledgements in one database appear together", "[sqlite]") {
    SqliteRig rig;
    auto source = rig.producer("in");
    auto consumer = rig.consumer("in");
    auto producer = rig.producer("out");
    send(source, {"a", "b"});
    const AtomicCommit commit(producer);
    CHECK(commit.joins(consumer));

    Outgoing out;
    out.add("result");
    auto acks = acks_of(take_all(consumer, 2));
    rig.reports.all.clear();
    CHECK(commit(consumer, out, acks) == VOLLEY_OK);
    CHECK(rig.reports.all.empty());
    CHECK(rig.sql("SELECT group_concat(queue || ':' || body) FROM volley_messages") == "out:result");
    CHECK(commit(consumer, out, acks) == VOLLEY_E_LOST);  // closed by the first
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "1");
}

TEST_CASE("when one delivery is lost nothing of the transaction happens", "[sqlite]") {
    SqliteRig rig;
    auto source = rig.producer("in");
    auto consumer = rig.consumer("in");
    auto producer = rig.producer("out");
    send(source, {"a", "b"});
    const auto got = take_all(consumer, 2);
    rig.sql("UPDATE volley_messages SET token = 1 WHERE body = 'b'");  // as another claim would

    const AtomicCommit commit(producer);
    Outgoing out;
    out.add("result");
    auto acks = acks_of(got);
    CHECK(commit(consumer, out, acks) == VOLLEY_E_LOST);
    CHECK(acks[0].result == VOLLEY_E_RETRY);
    CHECK(acks[1].result == VOLLEY_E_LOST);
    CHECK(rig.sql("SELECT group_concat(body) FROM volley_messages") == "a,b");
    CHECK(settle(consumer, {got[0]}, VOLLEY_ACK) == Results{VOLLEY_OK});  // still open and claimed
}

TEST_CASE("queues of a file that did not exist before join too", "[sqlite]") {
    SqliteRig rig;
    auto consumer = rig.consumer("in");
    auto producer = rig.producer("out");
    CHECK(AtomicCommit(producer).joins(consumer));
}

TEST_CASE("when the disk takes no more nothing is accepted, and all goes on once it does", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"kept"});
    const auto taken = take_all(consumer, 1);
    Outgoing out;
    out.add(std::string(1 << 20, 'x'));
    std::uint32_t accepted = 7;
    ErrorCode code{};
    {
        const FullDisk full;
        const auto refused = producer.produce(out.records.data(), 1, accepted);
        if (!refused) code = refused.error().code;
        CHECK(settle(consumer, taken, VOLLEY_ACK) == Results{VOLLEY_E_RETRY});  // stays open
    }
    CHECK(code == ErrorCode::retry);
    CHECK(accepted == 0);
    CHECK(settle(consumer, taken, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(send(producer, out) == 1);
    CHECK(take_all(consumer, 1).size() == 1);
}

TEST_CASE("queues in different files do not join", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q", R"({"path": "other.db"})");
    CHECK_FALSE(AtomicCommit(producer).joins(consumer));
}

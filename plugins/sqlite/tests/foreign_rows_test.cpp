// Rows that other programs wrote, as their libraries bind values: each is a message that is handed out once.
#include "database.hpp"

using namespace volley;
using namespace volley::test;

namespace {

void insert(const SqliteRig& rig, const std::string& columns, const std::string& values) {
    rig.sql("INSERT INTO volley_messages (queue, " + columns + ") VALUES ('q', " + values + ")");
}

}  // namespace

TEST_CASE("a body or a key of any type is a message's", "[sqlite]") {
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    insert(rig, "body, key", "'text', 'k'");
    insert(rig, "body, key", "42, 7");
    insert(rig, "body, key", "1.5, 0.25");
    insert(rig, "body, key", "x'ff00', x'00'");
    insert(rig, "body, key", "x'', ''");
    insert(rig, "body, key", "NULL, NULL");
    insert(rig, "body", "9223372036854775807");
    const auto got = take_all(consumer, 7);
    REQUIRE(got.size() == 7);
    CHECK(bodies(got) ==
          Bodies{"text", "42", "1.5", std::string("\xff\0", 2), "", "<absent>", "9223372036854775807"});
    CHECK(got[1].key == "7");
    CHECK(got[2].key == "0.25");
    CHECK(got[3].key == std::string("\0", 1));
    CHECK(got[4].key == "");
    CHECK_FALSE(got[5].key.has_value());
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results(7, VOLLEY_OK));
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "0");
}

TEST_CASE("headers of any shape are headers, or one that has them as they are", "[sqlite]") {
    using Headers = std::vector<std::pair<std::string, std::string>>;
    const std::vector<std::pair<std::string, Headers>> cases{
        {R"('{"n": 12345678901234567890, "d": 1.10, "t": true, "f": false, "z": null}')",
         {{"n", "12345678901234567890"}, {"d", "1.10"}, {"t", "true"}, {"f", "false"}, {"z", ""}}},
        {R"('[["a", 1], ["a", 2]]')", {{"a", "1"}, {"a", "2"}}},
        {"'not JSON'", {{"headers", "not JSON"}}},
        {"''", {{"headers", ""}}},
        {"'[]'", {}},
        {"'{}'", {}},
        {"7", {{"headers", "7"}}},
        {"x'ff'", {{"headers", "\xff"}}},
        {R"('[["a"]]')", {{"headers", R"([["a"]])"}}},
        {R"('{"a": {"b": 1}}')", {{"headers", R"({"a": {"b": 1}})"}}},
        {R"('{"a": {"base64": "!"}}')", {{"headers", R"({"a": {"base64": "!"}})"}}},
    };
    for (const auto& [stored, headers] : cases) {
        SqliteRig rig;
        auto consumer = rig.consumer("q");
        INFO(stored);
        insert(rig, "body, headers", "'b', " + stored);
        const auto got = take_all(consumer, 1);
        REQUIRE(got.size() == 1);
        CHECK(got[0].headers == headers);
    }
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    insert(rig, "body, headers", "'b', '" + std::string(100'000, '[') + "'");
    CHECK(take_all(consumer, 1).at(0).headers.size() == 1);
}

TEST_CASE("a time of another type or sign is now, and a fraction of a millisecond is a time", "[sqlite]") {
    for (const char* const visible_at : {"'now'", "'2027-01-01 00:00:00'", "''", "x'00'", "-1",
                                         "-9223372036854775808", "-0.5", "0.5", "'17'", "0.0"}) {
        SqliteRig rig;
        auto consumer = rig.consumer("q");
        INFO(visible_at);
        insert(rig, "body, visible_at", "'b', " + std::string(visible_at));
        const auto got = take_all(consumer, 1);
        REQUIRE(got.size() == 1);
        CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    }
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    insert(rig, "body, visible_at", "'later', 9223372036854775807");
    insert(rig, "body, visible_at", "'later', 1e300");
    insert(rig, "body, visible_at", "'soon', (julianday('now') - 2440587.5) * 86400000 + 20.25");
    CHECK(bodies(take_all(consumer, 1)) == Bodies{"soon"});
    CHECK(take(consumer, 1, 20).empty());
}

TEST_CASE("a count or a time of creation that is none is not shown", "[sqlite]") {
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    for (const char* attempts : {"-5", "'many'", "9223372036854775807", "1e300", "x'05'", "2"})
        insert(rig, "body, attempts", std::string("'b', ") + attempts);
    for (const char* created : {"'2026-11-27 05:00:00'", "-9223372036854775808", "x'00'", "1e300"})
        insert(rig, "body, created", std::string("'b', ") + created);
    const auto* inspect = static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT));
    volley_stats stats{};
    stats.struct_size = sizeof stats;
    CHECK(inspect->stats(consumer.get(), &stats, nullptr) == VOLLEY_OK);
    CHECK(stats.ready == 10);
    Room room(16);
    REQUIRE(consumer.consume(room.batch, 0));
    REQUIRE(room.batch.count == 10);
    constexpr std::uint32_t most = (1U << 30U) + 1;
    const std::vector<std::uint32_t> counts{1, 1, most, most, 1, 3, 1, 1, 1, 1};
    for (std::uint32_t i = 0; i < 10; ++i) {
        INFO(i);
        CHECK(room.messages[i].delivery_count == counts[i]);
        CHECK(room.messages[i].timestamp_ms >= 0);
    }
    CHECK(room.messages[6].timestamp_ms == 0);
    CHECK(settle(consumer, room.received(), VOLLEY_ACK) == Results(10, VOLLEY_OK));
}

TEST_CASE("ids below one are ids", "[sqlite]") {
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    insert(rig, "id, body", "0, 'zero'");
    insert(rig, "id, body", "-3, 'minus three'");
    const auto* inspect = static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT));
    Room none(1);
    CHECK(inspect->find(consumer.get(), volley_text("no id"), &none.batch, nullptr) == VOLLEY_OK);
    CHECK(none.batch.count == 0);
    std::uint64_t removed = 9;
    CHECK(inspect->remove(consumer.get(), volley_text("x"), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 0);
    CHECK(inspect->remove(consumer.get(), volley_text("-3"), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
    CHECK(inspect->purge(consumer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 1);
}

// As an object mapper makes it, without our constraints.
TEST_CASE("a table that another program made without constraints is read", "[sqlite]") {
    SqliteRig rig;
    rig.sql(
        "CREATE TABLE volley_messages (id INTEGER PRIMARY KEY, queue, key, headers, body, message_id, "
        "visible_at, "
        "attempts, token, owner, created)");
    rig.sql("INSERT INTO volley_messages (queue, body) VALUES ('q', 'bare')");
    auto producer = rig.producer("q");
    auto consumer = rig.consumer("q");
    send(producer, {"ours"});
    rig.sql(
        "INSERT INTO volley_messages (queue, body, attempts, token, owner, created) VALUES ('q', 'odd', '', "
        "'', 5, '')");
    const auto got = take_all(consumer, 3);
    CHECK(bodies(got) == Bodies{"bare", "ours", "odd"});
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results(3, VOLLEY_OK));
}

TEST_CASE("what another program wrote and is no time is found by an index", "[sqlite]") {
    SqliteRig rig;
    auto consumer = rig.consumer("q");
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open((rig.path / "volley.db").c_str(), &db) == SQLITE_OK);
    std::string plan;
    const auto take_row = [](void* out, int, char** values, char**) {
        *static_cast<std::string*>(out) += values[3];
        return 0;
    };
    REQUIRE(sqlite3_exec(db,
                         "EXPLAIN QUERY PLAN SELECT 1 FROM volley_messages WHERE queue = 'q' AND "
                         "(typeof(visible_at) NOT IN ('integer', 'real') OR visible_at < 0)",
                         take_row, &plan, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    CHECK(plan.find("volley_messages_odd") != std::string::npos);
}

// PostgresqlProducer: what is kept of a record, repeats, refusals.
#include "server.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("key, headers and body come through as they are, binary, absent and empty", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto consumer = rig.consumer();
    const std::string binary("\0\xff\xfe x", 5);
    const volley_header headers[] = {{view_of("n"), view_of("1")},
                                     {view_of("n"), view_of("2")},
                                     {view_of("binary"), view_of(binary)},
                                     {view_of("zero"), view_of(std::string_view("a\0b", 3))},
                                     {view_of("absent"), {}},
                                     {view_of("empty"), view_of("")}};
    Outgoing out;
    volley_record& r = out.add(binary);
    r.key = view_of(binary);
    r.headers = headers;
    r.header_count = 6;
    r.timestamp_ms = 1'700'000'000'123;
    out.add("").key = view_of("");
    out.add("x").body = {};  // a tombstone
    REQUIRE(send(producer, out) == 3);
    Room room(3);
    REQUIRE(consumer.consume(room.batch, 0));
    const auto got = room.received();
    REQUIRE(got.size() == 3);
    CHECK(got[0].body == binary);
    CHECK(got[0].key == binary);
    REQUIRE(got[0].headers.size() == 6);
    CHECK(got[0].headers[1] == std::pair<std::string, std::string>("n", "2"));
    CHECK(got[0].headers[2].second == binary);
    CHECK(got[0].headers[3].second == std::string("a\0b", 3));
    CHECK(is_absent(room.messages[0].headers[4].value));
    CHECK_FALSE(is_absent(room.messages[0].headers[5].value));
    CHECK(room.messages[0].timestamp_ms == 1'700'000'000'123);
    CHECK(got[1].body == "");
    CHECK(got[1].key == "");
    CHECK_FALSE(got[2].body);
    CHECK_FALSE(got[2].key);
}

TEST_CASE("the same id with the same content is one row, and with another content another", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    Outgoing out;
    out.add("a").id = view_of("1");
    out.add("a").id = view_of("1");  // in one batch
    REQUIRE(send(producer, out) == 2);
    REQUIRE(send(producer, out) == 2);
    CHECK(rig.sql("SELECT count(*) FROM q") == "1");
    Outgoing other;
    other.add("b").id = view_of("1");
    other.add("c").id = view_of("2");
    REQUIRE(send(producer, other) == 2);
    REQUIRE(send(producer, other) == 2);
    CHECK(rig.sql("SELECT count(*) FROM q") == "3");
    for (const volley_report& report : rig.reports.all) CHECK(report.status == VOLLEY_OK);
    auto consumer = rig.consumer();
    settle(consumer, take(consumer, 3), VOLLEY_ACK);
    REQUIRE(send(producer, out) == 2);  // the first was consumed and is forgotten
    CHECK(rig.sql("SELECT count(*) FROM q") == "1");
}

TEST_CASE("headers of the engine's own do not make another content", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    for (const char* when : {"1", "2"}) {
        const volley_header headers[] = {{view_of("volley-failed-at"), view_of(when)},
                                         {view_of("x"), view_of("y")}};
        Outgoing out;
        volley_record& r = out.add("a");
        r.id = view_of("1");
        r.headers = headers;
        r.header_count = 2;
        REQUIRE(send(producer, out) == 1);
    }
    CHECK(rig.sql("SELECT count(*) FROM q") == "1");
}

TEST_CASE("a row that the database refuses fails alone, and says why", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    rig.sql("ALTER TABLE q ADD CONSTRAINT small CHECK (length(body) < 5)");
    Outgoing out;
    out.add("a"), out.add("too long"), out.add("b");
    REQUIRE(send(producer, out) == 3);
    REQUIRE(rig.reports.all.size() == 3);
    CHECK(rig.reports.all[0].status == VOLLEY_OK);
    CHECK(rig.reports.all[1].status == VOLLEY_E_PERMANENT);
    CHECK(rig.reports.all[2].status == VOLLEY_OK);
    CHECK(rig.sql("SELECT string_agg(convert_from(body, 'UTF8'), ',' ORDER BY id) FROM q") == "a,b");
}

TEST_CASE("a trigger that drops a row is no success", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    rig.sql(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
        "CREATE TRIGGER no BEFORE INSERT ON q FOR EACH ROW EXECUTE FUNCTION no()");
    Outgoing out;
    out.add("a");
    REQUIRE(send(producer, out) == 1);
    CHECK(rig.reports.all.at(0).status == VOLLEY_E_PERMANENT);
}

TEST_CASE("plain SQL sends in its own transaction: function and INSERT", "[postgresql]") {
    PostgresRig rig;
    auto consumer = rig.consumer();
    rig.sql("BEGIN; SELECT send('q', 'undone'); ROLLBACK");
    CHECK(rig.sql("SELECT send('q', 'a', key => 'k', headers => '[[\"n\",\"1\"]]', message_id => 'x')") !=
          "NULL");
    CHECK(rig.sql("SELECT send('q', 'a', message_id => 'x')") == "NULL");
    rig.sql("INSERT INTO q (body, headers) VALUES ('b', '{\"object\": 1}'), ('c', '17')");
    rig.sql("SELECT send('q', 'later', delay => interval '1 hour')");
    const auto got = take(consumer, 10);
    CHECK(bodies(got) == Bodies{"a", "b", "c"});
    CHECK(got[0].key == "k");
    CHECK(got[0].headers[0].second == "1");
    CHECK(got[1].headers[0] == std::pair<std::string, std::string>("object", "1"));
    CHECK(got[2].headers[0] == std::pair<std::string, std::string>("headers", "17"));
    CHECK(rig.run_sql("SELECT send('missing', 'a')").find("does not exist") != std::string::npos);
}

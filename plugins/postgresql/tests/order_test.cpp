// The order of keys among consumers, and priorities.
#include "server.hpp"

using namespace volley;
using namespace volley::test;

namespace {

void send_keyed(plugins::Producer& producer, std::initializer_list<std::pair<const char*, const char*>> all) {
    Outgoing out;
    for (const auto& [key, body] : all) out.add(body).key = out.keep(key);
    REQUIRE(send(producer, out) == all.size());
}

// A transaction of another program, open until this is destroyed.
class Locked {
public:
    Locked(const PostgresRig& rig, const std::string& statement)
        : connection_(PQconnectdb(rig.server.dsn().c_str()), &PQfinish) {
        const std::string text = "SET search_path = " + rig.schema + "; BEGIN; " + statement;
        const std::unique_ptr<PGresult, decltype(&PQclear)> r(PQexec(connection_.get(), text.c_str()),
                                                              &PQclear);
        REQUIRE(PQresultStatus(r.get()) == PGRES_TUPLES_OK);
    }

private:
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

}  // namespace

TEST_CASE("a key of which a consumer has a message is no other consumer's", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto one = rig.consumer(), two = rig.consumer();
    send_keyed(producer, {{"a", "a1"}, {"a", "a2"}, {"b", "b1"}, {"a", "a3"}});
    const auto first = take(one, 1);
    CHECK(bodies(first) == Bodies{"a1"});
    const auto others = take(two, 10);
    CHECK(bodies(others) == Bodies{"b1"});
    CHECK(bodies(take(one, 1)) == Bodies{"a2"});  // it may have its own keys
    CHECK(take(two, 10).empty());
    CHECK(settle(one, first, VOLLEY_ACK) == Results{VOLLEY_OK});
    CHECK(take(two, 10).empty());  // a2
}

TEST_CASE("a key is free again when its consumer has settled or lost what it had", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto one = rig.consumer(), two = rig.consumer();
    send_keyed(producer, {{"a", "a1"}, {"a", "a2"}});
    const auto first = take(one, 1);
    SECTION("acked") {
        settle(one, first, VOLLEY_ACK);
        CHECK(bodies(take_all(two, 1)) == Bodies{"a2"});
    }
    SECTION("released") {
        settle(one, first, VOLLEY_RELEASE);
        CHECK(bodies(take_all(two, 2)) == Bodies{"a1", "a2"});
    }
    SECTION("expired") {
        rig.expire_leases();
        CHECK(bodies(take_all(two, 2)) == Bodies{"a1", "a2"});
    }
}

// As in the moment between the end of a lease and the next claim, and while the owner commits an ack that
// came late.
TEST_CASE("a lease that has ended keeps its key until its message can be taken again", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto one = rig.consumer(), two = rig.consumer();
    send_keyed(producer, {{"a", "a1"}, {"a", "a2"}, {"b", "b1"}});
    REQUIRE(bodies(take(one, 1)) == Bodies{"a1"});
    rig.expire_leases();
    const Locked locked(rig, "SELECT FROM q WHERE body = 'a1' FOR UPDATE");
    CHECK(bodies(take(two, 10)) == Bodies{"b1"});
}

TEST_CASE("without order several consumers share a key", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto one = rig.consumer("q", R"(, "ordered": false)"), two = rig.consumer("q", R"(, "ordered": false)");
    send_keyed(producer, {{"a", "a1"}, {"a", "a2"}});
    CHECK(bodies(take(one, 1)) == Bodies{"a1"});
    CHECK(bodies(take(two, 1)) == Bodies{"a2"});
}

TEST_CASE("what another consumer has does not hide other keys behind it", "[postgresql]") {
    PostgresRig rig;
    auto producer = rig.producer();
    auto one = rig.consumer(), two = rig.consumer();
    send_keyed(producer, {{"a", "a0"}});
    REQUIRE(take(one, 1).size() == 1);
    rig.sql("INSERT INTO q (key, body) SELECT 'a', 'x' FROM generate_series(1, 1500)");
    send_keyed(producer, {{"b", "b1"}});
    CHECK(bodies(take(two, 10)) == Bodies{"b1"});
}

TEST_CASE("the higher priority comes first: of the queue, of a header, or of plain SQL", "[postgresql]") {
    PostgresRig rig;
    auto low = rig.producer(), high = rig.producer("q", R"(, "priority": 5, "priority_header": "urgency")");
    auto consumer = rig.consumer();
    send(low, {"low"});
    Outgoing out;
    out.add("high");
    const volley_header urgent{view_of("urgency"), view_of("7")}, odd{view_of("urgency"), view_of("very")};
    volley_record& urgent_record = out.add("urgent");
    urgent_record.headers = &urgent;
    urgent_record.header_count = 1;
    volley_record& odd_record = out.add("odd");
    odd_record.headers = &odd;
    odd_record.header_count = 1;
    REQUIRE(send(high, out) == 3);
    rig.sql("SELECT send('q', 'sql', priority => 6)");
    CHECK(bodies(take(consumer, 10)) == Bodies{"urgent", "sql", "high", "odd", "low"});
}

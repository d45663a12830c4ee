// volley.atomic/1: outputs and acks in one transaction.
#include "server.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("outputs and acks happen together", "[postgresql]") {
    PostgresRig rig;
    auto in = rig.producer("q"), out = rig.producer("out"),
         other = rig.producer("other", R"(, "priority": 3)");
    auto consumer = rig.consumer("q");
    send(in, {"a", "b"});
    const auto got = take_all(consumer, 2);
    const AtomicCommit commit(out);
    REQUIRE(commit.joins(consumer));
    Outgoing records;
    records.add("A"), records.add("B");
    records.add("C").queue = records.keep("other");
    auto acks = acks_of(got);
    CHECK(commit(consumer, records, acks) == VOLLEY_OK);
    CHECK(acks[0].result == VOLLEY_OK);
    CHECK(rig.sql("SELECT count(*) FROM q") == "0");
    CHECK(rig.sql("SELECT string_agg(convert_from(body, 'UTF8'), ',' ORDER BY id) FROM out") == "A,B");
    CHECK(rig.sql("SELECT priority FROM other") == "3");  // as if its own producer had sent it
}

TEST_CASE("with one lost lease nothing happens, and the rest can be committed", "[postgresql]") {
    PostgresRig rig;
    auto in = rig.producer("q"), out = rig.producer("out");
    auto consumer = rig.consumer("q");
    send(in, {"a", "b"});
    const auto got = take_all(consumer, 2);
    rig.sql("UPDATE q SET token = 1 WHERE body = 'b'");
    const AtomicCommit commit(out);
    Outgoing records;
    records.add("A");
    auto acks = acks_of(got);
    CHECK(commit(consumer, records, acks) == VOLLEY_E_LOST);
    CHECK(acks[0].result == VOLLEY_E_RETRY);
    CHECK(acks[1].result == VOLLEY_E_LOST);
    CHECK(rig.sql("SELECT count(*) FROM out") == "0");
    CHECK(rig.sql("SELECT count(*) FROM q") == "2");
    acks.pop_back();
    CHECK(commit(consumer, records, acks) == VOLLEY_OK);
    CHECK(rig.sql("SELECT count(*) FROM out") == "1");
    CHECK(settle(consumer, {got[1]}, VOLLEY_RELEASE) == Results{VOLLEY_E_LOST});
}

TEST_CASE("a refused output leaves the input as it is", "[postgresql]") {
    PostgresRig rig;
    auto in = rig.producer("q"), out = rig.producer("out");
    auto consumer = rig.consumer("q");
    rig.sql("ALTER TABLE out ADD CONSTRAINT small CHECK (length(body) < 5)");
    send(in, {"a"});
    const auto got = take_all(consumer, 1);
    const AtomicCommit commit(out);
    Outgoing records;
    records.add("A"), records.add("too long");
    auto acks = acks_of(got);
    CHECK(commit(consumer, records, acks) == VOLLEY_E_PERMANENT);
    CHECK(rig.sql("SELECT count(*) FROM out") == "0");
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
}

TEST_CASE("another schema, or another way to the database, is no common transaction", "[postgresql]") {
    PostgresRig rig, other;
    auto consumer = rig.consumer("q");
    auto elsewhere = other.producer("out");
    CHECK_FALSE(AtomicCommit(elsewhere).joins(consumer));
}

// Commits that store into several queues.
#include "atomic.hpp"

using namespace volley;
using namespace volley::test;

namespace {

struct Joint {
    Joint() {
        REQUIRE(commit.joins(consumer));
        REQUIRE(AtomicCommit(other).joins(consumer));
    }
    void add(std::string_view queue, std::string_view body) { outputs.add(body).queue = outputs.keep(queue); }
    std::int32_t settle(const std::vector<Received>& messages) {
        auto acks = acks_of(messages);
        return commit(consumer, outputs, acks);
    }

    RsmqRig rig;
    plugins::Producer in = rig.producer();
    plugins::Consumer consumer = rig.consumer();
    plugins::Producer out = rig.producer("out");
    plugins::Producer other = rig.producer("other", ", \"envelope\": true, \"maxsize\": 1024");
    AtomicCommit commit{out};
    Outgoing outputs;
};

}  // namespace

TEST_CASE("a commit stores into every queue that joined, each with its configuration", "[rsmq]") {
    Joint j;
    send(j.in, {"a", "b"});
    const auto got = take_all(j.consumer, 2);
    j.add("other", "1");
    j.add("out", "2");
    j.add("out", "3");
    REQUIRE(j.settle(got) == VOLLEY_OK);
    CHECK(stored(j.rig, "out") == "2, 3");
    CHECK(stored(j.rig, "other") == R"({"volley":1,"body":"1"})");
    CHECK(j.rig.command({"HGET", "rsmq:out:Q", "totalsent"}) == "2");
    CHECK(j.rig.command({"HGET", "rsmq:other:Q", "totalsent"}) == "1");
    CHECK(j.rig.waiting() == "0");
}

TEST_CASE("a commit that fails leaves every queue unchanged", "[rsmq]") {
    Joint j;
    send(j.in, {"a", "b"});
    const auto got = take_all(j.consumer, 2);
    j.add("other", "1");
    j.add("out", "2");
    REQUIRE(j.settle({got[0]}) == VOLLEY_OK);
    j.rig.command({"HINCRBY", "rsmq:q:Q", got[1].id + ":rc", "1"});
    CHECK(j.settle({got[1]}) == VOLLEY_E_LOST);
    CHECK(stored(j.rig, "out") == "2");
    CHECK(stored(j.rig, "other") == R"({"volley":1,"body":"1"})");
    CHECK(j.rig.command({"HGET", "rsmq:out:Q", "totalsent"}) == "1");
    CHECK(j.rig.waiting() == "1");
    CHECK(j.rig.command({"KEYS", "rsmq:volley:commit:*:*"}) == "");
}

TEST_CASE("a commit uses the current attributes of each queue", "[rsmq]") {
    Joint j;
    send(j.in, {"a", "b", "c"});
    const auto got = take_all(j.consumer, 3);
    j.add("out", "1");
    j.add("other", "2");
    j.rig.command({"HSET", "rsmq:other:Q", "delay", "600"});
    REQUIRE(j.settle({got[0]}) == VOLLEY_OK);
    const std::string now = j.rig.command({"TIME"}).substr(0, 10) + "999";
    CHECK(j.rig.command({"ZCOUNT", "rsmq:out", "-inf", now}) == "1");
    CHECK(j.rig.command({"ZCOUNT", "rsmq:other", "-inf", now}) == "0");
    j.rig.command({"DEL", "rsmq:other", "rsmq:other:Q"});
    REQUIRE(j.settle({got[1]}) == VOLLEY_OK);
    CHECK(j.rig.command({"HMGET", "rsmq:other:Q", "maxsize", "totalsent"}) == "1024 1");
    j.add("other", std::string(1025, 'x'));
    CHECK(j.settle({got[2]}) == VOLLEY_E_TOO_LARGE);
    CHECK(j.rig.command({"ZCARD", "rsmq:out"}) == "2");
}

TEST_CASE("a record for a queue that did not join is refused", "[rsmq]") {
    Joint j;
    send(j.in, {"a"});
    const auto got = take_all(j.consumer, 1);
    j.add("out", "1");
    j.add("elsewhere", "2");
    CHECK(j.settle(got) == VOLLEY_E_PERMANENT);
    CHECK(stored(j.rig, "out").empty());
    CHECK(j.rig.waiting() == "1");
}

TEST_CASE("producers of the same queue name or of different users do not join together", "[rsmq]") {
    Joint j;
    j.rig.command({"ACL", "SETUSER", "writer", "on", ">pw", "~*", "&*", "+@all"});
    auto namesake = j.rig.producer("out", ", \"ns\": \"elsewhere\"");
    auto of_another = j.rig.producer("third", ", \"username\": \"writer\", \"password\": \"pw\"");
    CHECK_FALSE(AtomicCommit(namesake).joins(j.consumer));
    CHECK_FALSE(AtomicCommit(of_another).joins(j.consumer));
    CHECK(AtomicCommit(j.other).joins(j.consumer));
}

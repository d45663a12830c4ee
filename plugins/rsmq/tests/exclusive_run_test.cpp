// Exclusive runs: while no other client receives, a commit does not compare each receipt. Tests how runs end.
#include "atomic.hpp"

using namespace volley;
using namespace volley::test;

namespace {

// A run of two receives of two messages each. Two messages are left.
struct Run {
    Run() {
        REQUIRE(atomic.functions.joins(atomic.consumer));
        send(atomic.in, {"a", "b", "c", "d", "e", "f"});
        first = take_all(atomic.consumer, 2);
        second = take_all(atomic.consumer, 2);
        REQUIRE(bodies(second) == Bodies{"c", "d"});
    }
    std::int32_t commit(const std::vector<Received>& messages) {
        Outgoing out;
        for (const Received& m : messages) out.add(*m.body);
        // The connection may break before the first reply.
        const auto status = atomic.commit(messages, out);
        const bool is_unconfirmed = status == VOLLEY_E_UNKNOWN || status == VOLLEY_E_RETRY;
        return is_unconfirmed ? atomic.commit(messages, out) : status;
    }
    std::string stored() const { return rig.command({"ZCARD", "rsmq:out"}); }
    // Makes the receipt out of date without a receive, as no client does.
    void invalidate(const Received& m) { rig.command({"HINCRBY", "rsmq:q:Q", m.id + ":rc", "1"}); }

    RsmqRig rig;
    Atomic atomic{rig};
    std::vector<Received> first, second;
};

}  // namespace

TEST_CASE("a commit within an exclusive run does not compare each receipt", "[rsmq]") {
    Run s;
    s.invalidate(s.first[0]);  // a comparison would find this
    CHECK(s.commit(s.first) == VOLLEY_OK);
    CHECK(s.commit(s.second) == VOLLEY_OK);
    CHECK(s.stored() == "4");
    CHECK(s.rig.waiting() == "2");
}

TEST_CASE("a receive of another consumer ends a run, and its message is lost to a commit", "[rsmq]") {
    Run s;
    auto other = s.rig.consumer();
    s.rig.expire_leases();
    REQUIRE(bodies(take(other, 1)) == Bodies{"a"});
    CHECK(s.commit(s.first) == VOLLEY_E_LOST);
    CHECK(s.stored() == "0");
    CHECK(s.commit(s.second) == VOLLEY_OK);  // no other client received these
    CHECK(s.stored() == "2");
    CHECK(s.rig.command({"KEYS", "rsmq:volley:commit:*:*"}) == "");
}

TEST_CASE("a message that its own consumer received again is lost to the first delivery", "[rsmq]") {
    Run s;
    s.rig.expire_leases();
    const auto again = take_all(s.atomic.consumer, 2);
    REQUIRE(bodies(again) == Bodies{"a", "b"});
    const auto rest = take_all(s.atomic.consumer, 4);  // c and d again, e and f
    REQUIRE(rest.size() == 4);
    CHECK(s.commit(s.first) == VOLLEY_E_LOST);
    CHECK(s.stored() == "0");
    CHECK(s.commit(again) == VOLLEY_OK);
    CHECK(s.stored() == "2");
    CHECK(s.commit(s.second) == VOLLEY_E_LOST);
    CHECK(s.commit(rest) == VOLLEY_OK);
    CHECK(s.stored() == "6");
}

TEST_CASE("a new connection ends a run", "[rsmq]") {
    Run s;
    s.invalidate(s.second[0]);
    s.rig.command({"CLIENT", "KILL", "TYPE", "normal"});
    Room room(2);
    const bool broken = !s.atomic.consumer.consume(room.batch, 0).has_value();
    const auto third = broken ? take_all(s.atomic.consumer, 2) : room.received();
    REQUIRE(bodies(third) == Bodies{"e", "f"});
    CHECK(s.commit(s.second) == VOLLEY_E_LOST);
    CHECK(s.commit(third) == VOLLEY_OK);
}

TEST_CASE("a server that lags behind the receives ends a run", "[rsmq]") {
    Run s;
    // The state of a replica that does not have the second receive yet.
    s.rig.command({"EVAL",
                   "local key = redis.call('KEYS', 'rsmq:volley:run:*')[1]; local name = "
                   "redis.call('GET', key):match('%S+'); "
                   "redis.call('SET', key, name .. ' 2'); redis.call('HSET', 'rsmq:q:Q', 'totalrecv', 2); "
                   "redis.call('HDEL', 'rsmq:q:Q', ARGV[1] .. ':rc')",
                   "0", s.second[0].id});
    CHECK(s.commit(s.second) == VOLLEY_E_LOST);
    CHECK(s.commit(s.first) == VOLLEY_OK);
}

TEST_CASE("a flushed server ends a run", "[rsmq]") {
    Run s;
    s.rig.command({"FLUSHALL"});
    CHECK(s.commit(s.first) == VOLLEY_E_LOST);
}

// A commit does not look at each receipt while nobody but its consumer receives; these are the ways in which
// that ends.
#include "atomic.hpp"

using namespace volley;
using namespace volley::test;

namespace {

// Two receives of two messages each, with nobody in between; a third pair is still there.
struct Stretch {
    Stretch() {
        REQUIRE(atomic.functions.joins(atomic.consumer));
        send(atomic.in, {"a", "b", "c", "d", "e", "f"});
        first = take_all(atomic.consumer, 2);
        second = take_all(atomic.consumer, 2);
        REQUIRE(bodies(second) == Bodies{"c", "d"});
    }
    std::int32_t commit(const std::vector<Received>& messages) {
        Outgoing out;
        for (const Received& m : messages) out.add(*m.body);
        // Its first reply, or that to the question before it, may be lost with the connection.
        const auto status = atomic.commit(messages, out);
        const bool once_more = status == VOLLEY_E_UNKNOWN || status == VOLLEY_E_RETRY;
        return once_more ? atomic.commit(messages, out) : status;
    }
    std::string stored() const { return rig.command({"ZCARD", "rsmq:out"}); }
    // Something that no client does: a count without a receive.
    void forge(const Received& m) { rig.command({"HINCRBY", "rsmq:q:Q", m.id + ":rc", "1"}); }

    RsmqRig rig;
    Atomic atomic{rig};
    std::vector<Received> first, second;
};

}  // namespace

TEST_CASE("while nobody else receives, a commit does not look at each receipt", "[rsmq]") {
    Stretch s;
    s.forge(s.first[0]);  // it would see this
    CHECK(s.commit(s.first) == VOLLEY_OK);
    CHECK(s.commit(s.second) == VOLLEY_OK);
    CHECK(s.stored() == "4");
    CHECK(s.rig.waiting() == "2");
}

TEST_CASE("a message that somebody else received meanwhile is lost to a commit", "[rsmq]") {
    Stretch s;
    auto thief = s.rig.consumer();
    s.rig.expire_leases();
    REQUIRE(bodies(take(thief, 1)) == Bodies{"a"});
    CHECK(s.commit(s.first) == VOLLEY_E_LOST);
    CHECK(s.stored() == "0");
    CHECK(s.commit(s.second) == VOLLEY_OK);  // those are ours still
    CHECK(s.stored() == "2");
    CHECK(s.rig.command({"KEYS", "rsmq:volley:commit:*:*"}) == "");
}

TEST_CASE("a message that was received anew by its own consumer is lost to the first delivery", "[rsmq]") {
    Stretch s;
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

TEST_CASE("a stretch does not outlast its connection", "[rsmq]") {
    Stretch s;
    s.forge(s.second[0]);
    s.rig.command({"CLIENT", "KILL", "TYPE", "normal"});
    Room room(2);
    const bool broken = !s.atomic.consumer.consume(room.batch, 0).has_value();
    const auto third = broken ? take_all(s.atomic.consumer, 2) : room.received();
    REQUIRE(bodies(third) == Bodies{"e", "f"});
    CHECK(s.commit(s.second) == VOLLEY_E_LOST);
    CHECK(s.commit(third) == VOLLEY_OK);
}

TEST_CASE("a server that knows less than was received ends a stretch", "[rsmq]") {
    Stretch s;
    // As a replica that had not heard of the second receive.
    s.rig.command({"EVAL",
                   "local key = redis.call('KEYS', 'rsmq:volley:stretch:*')[1]; local name = "
                   "redis.call('GET', key):match('%S+'); "
                   "redis.call('SET', key, name .. ' 2'); redis.call('HSET', 'rsmq:q:Q', 'totalrecv', 2); "
                   "redis.call('HDEL', 'rsmq:q:Q', ARGV[1] .. ':rc')",
                   "0", s.second[0].id});
    CHECK(s.commit(s.second) == VOLLEY_E_LOST);
    CHECK(s.commit(s.first) == VOLLEY_OK);
}

TEST_CASE("an emptied server ends a stretch", "[rsmq]") {
    Stretch s;
    s.rig.command({"FLUSHALL"});
    CHECK(s.commit(s.first) == VOLLEY_E_LOST);
}

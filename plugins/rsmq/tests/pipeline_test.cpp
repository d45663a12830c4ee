// Commits that are posted, and the receives behind them.
#include <algorithm>
#include <optional>

#include "atomic.hpp"

using namespace volley;
using namespace volley::test;

namespace {

std::string visible(const RsmqRig& rig) {
    return rig.command({"ZCOUNT", "rsmq:q", "-inf", rig.command({"TIME"}).substr(0, 10) + "999"});
}

}  // namespace

TEST_CASE("posted commits are committed in their order", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a", "b", "c"});
    const auto got = take_all(atomic.consumer, 3);
    PostedCommit first(atomic.functions, atomic.consumer, {got[0], got[1]});
    PostedCommit second(atomic.functions, atomic.consumer, {got[2]});
    CHECK(first.outcome() == VOLLEY_OK);
    CHECK(second.outcome() == VOLLEY_OK);
    CHECK(stored(rig) == "out of a, out of b, out of c");
    CHECK(rig.waiting() == "0");
}

TEST_CASE("a posted commit is committed only if the one before it was", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a", "b", "c"});
    const auto got = take_all(atomic.consumer, 3);
    const char* why = GENERATE("lost to another", "too large");
    INFO(why);
    const bool lost = std::string_view(why) == "lost to another";
    if (lost) {
        rig.command({"HINCRBY", "rsmq:q:Q", got[0].id + ":rc", "1"});
    } else {
        rig.command({"HSET", "rsmq:out:Q", "maxsize", "3"});
        PostedCommit learns_maxsize(atomic.functions, atomic.consumer, {got[2]});
        REQUIRE(learns_maxsize.outcome() == VOLLEY_E_RETRY);
        REQUIRE(learns_maxsize.again() == VOLLEY_E_TOO_LARGE);
    }
    PostedCommit first(atomic.functions, atomic.consumer, {got[0]});
    PostedCommit second(atomic.functions, atomic.consumer, {got[1]});
    CHECK(first.outcome() == (lost ? VOLLEY_E_LOST : VOLLEY_E_TOO_LARGE));
    rig.command({"HSET", "rsmq:out:Q", "maxsize", "65536"});
    CHECK(second.outcome() != VOLLEY_OK);
    CHECK(stored(rig).empty());
    CHECK(second.again() == VOLLEY_OK);
    CHECK(stored(rig) == "out of b");
}

TEST_CASE("posted commits whose replies were lost are committed once, in their order", "[rsmq]") {
    Committing c;
    send(c.in, {"a", "b", "c", "d"});
    const auto got = take_all(c.consumer, 4);
    {
        PostedCommit unharmed(c.commit, c.consumer, {got[0]});
        REQUIRE(unharmed.outcome() == VOLLEY_OK);
    }
    c.proxy.lose_reply_to("ZREM");
    PostedCommit first(c.commit, c.consumer, {got[1]});
    PostedCommit second(c.commit, c.consumer, {got[2]});
    PostedCommit third(c.commit, c.consumer, {got[3]});
    CHECK(first.outcome() == VOLLEY_E_UNKNOWN);
    // The other two may have been sent on a new connection.
    const auto of_second = second.outcome(), of_third = third.outcome();
    CHECK(first.again() == VOLLEY_OK);
    if (of_second != VOLLEY_OK) CHECK(second.again() == VOLLEY_OK);
    if (of_third != VOLLEY_OK) CHECK(third.again() == VOLLEY_OK);
    CHECK(stored(c.rig) == "out of a, out of b, out of c, out of d");
    CHECK(c.rig.command({"HGET", "rsmq:out:Q", "totalsent"}) == "4");
    CHECK(c.rig.waiting() == "0");
}

TEST_CASE("a refused commit does not make a later one be committed twice", "[rsmq]") {
    Committing c;
    REQUIRE(c.commit.joins(c.consumer));
    send(c.in, {"a", "b", "c", "d"});
    take_all(c.consumer, 1);
    const auto got = take_all(c.consumer, 2);  // the second receive of a run: its commit compares no receipt
    c.rig.command({"HSET", "rsmq:out:Q", "maxsize", "3"});
    {
        PostedCommit refused(c.commit, c.consumer, {got[0]});
        REQUIRE(refused.outcome() == VOLLEY_E_RETRY);
        REQUIRE(refused.again() == VOLLEY_E_TOO_LARGE);
    }
    c.rig.command({"HSET", "rsmq:out:Q", "maxsize", "65536"});
    {
        PostedCommit learns_maxsize(c.commit, c.consumer, {got[0]});
        REQUIRE(learns_maxsize.outcome() != VOLLEY_OK);
    }
    c.proxy.lose_reply_to("ZREM");
    PostedCommit commit(c.commit, c.consumer, {got[1]});
    REQUIRE(commit.outcome() == VOLLEY_E_UNKNOWN);
    CHECK(commit.again() == VOLLEY_OK);
    CHECK(stored(c.rig) == "out of c");
}

TEST_CASE("a commit whose outcome is read late is not overtaken by later ones", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a", "b", "c"});
    const auto got = take_all(atomic.consumer, 3);
    PostedCommit first(atomic.functions, atomic.consumer, {got[0]});
    wait_for("it is committed", [&] { return rig.waiting() == "2"; });
    const auto begin = std::chrono::steady_clock::now();
    wait_for("time passes",
             [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(50); });
    PostedCommit second(atomic.functions, atomic.consumer, {got[1]});
    REQUIRE(first.outcome() == VOLLEY_OK);
    PostedCommit third(atomic.functions, atomic.consumer, {got[2]});
    CHECK(second.outcome() == VOLLEY_OK);
    CHECK(third.outcome() == VOLLEY_OK);
    CHECK(stored(rig) == "out of a, out of b, out of c");
}

TEST_CASE("a commit that arrives after its repeat was committed does nothing", "[rsmq]") {
    Committing c;
    REQUIRE(c.commit.joins(c.consumer));
    send(c.in, {"a", "b", "c"});
    take_all(c.consumer, 1);
    const auto got = take_all(c.consumer, 1);  // the second receive of a run: its commit compares no receipt
    c.proxy.keep("ZREM");
    PostedCommit commit(c.commit, c.consumer, got);
    REQUIRE(commit.outcome() == VOLLEY_E_UNKNOWN);
    REQUIRE(commit.again() == VOLLEY_OK);
    c.proxy.let_go();
    CHECK(stored(c.rig) == "out of b");
    CHECK(c.rig.command({"HGET", "rsmq:out:Q", "totalsent"}) == "1");
    CHECK(c.rig.waiting() == "2");
    CHECK(c.rig.command({"KEYS", "rsmq:volley:commit:*:*"}) == "");
}

TEST_CASE("a commit that arrives after the one before it was repeated does not overtake it", "[rsmq]") {
    Committing c;
    send(c.in, {"a", "b"});
    const auto got = take_all(c.consumer, 2);
    c.proxy.keep("ZREM", 2);
    PostedCommit first(c.commit, c.consumer, {got[0]});
    PostedCommit second(c.commit, c.consumer, {got[1]});
    REQUIRE(first.outcome() == VOLLEY_E_UNKNOWN);
    REQUIRE(second.outcome() == VOLLEY_E_UNKNOWN);
    const auto begin = std::chrono::steady_clock::now();
    wait_for("the repeat is made at a later time",
             [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(10); });
    REQUIRE(first.again() == VOLLEY_OK);
    c.proxy.let_go();
    CHECK(second.again() == VOLLEY_OK);
    CHECK(stored(c.rig) == "out of a, out of b");
    CHECK(c.rig.waiting() == "0");
}

TEST_CASE("the rest of a failed commit is committed before the one behind it", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a", "b", "c"});
    const auto got = take_all(atomic.consumer, 3);
    rig.command({"HINCRBY", "rsmq:q:Q", got[0].id + ":rc", "1"});
    PostedCommit first(atomic.functions, atomic.consumer, {got[0], got[1]});
    PostedCommit second(atomic.functions, atomic.consumer, {got[2]});
    REQUIRE(first.outcome() == VOLLEY_E_LOST);
    REQUIRE(second.outcome() == VOLLEY_E_RETRY);
    Outgoing left;
    left.add("out of b");
    CHECK(atomic.commit({got[1]}, left) == VOLLEY_OK);
    CHECK(second.again() == VOLLEY_OK);
    CHECK(stored(rig) == "out of b, out of c");
}

TEST_CASE("a posted commit is followed by a prefetch, and a close releases its messages", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send_numbers(atomic, 600);
    const auto got = take(atomic.consumer, 200, 1000);
    REQUIRE(got.size() == 200);
    PostedCommit commit(atomic.functions, atomic.consumer, got);
    wait_for("they are received", [&] { return rig.attribute("totalrecv") == "400"; });
    REQUIRE(commit.outcome() == VOLLEY_OK);
    REQUIRE(take(atomic.consumer, 10, 1000).size() == 10);
    CHECK(visible(rig) == "200");
    REQUIRE(atomic.consumer.close(1000).has_value());
    CHECK(visible(rig) == "390");
}

TEST_CASE("prefetched messages that do not fit into a batch come in the next ones, in order", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send_numbers(atomic, 600);
    PostedCommit commit(atomic.functions, atomic.consumer, take(atomic.consumer, 200, 1000));
    REQUIRE(commit.outcome() == VOLLEY_OK);
    int next = 200;
    std::vector<Received> taken;
    while (next < 600) {
        for (Received& one : take(atomic.consumer, 7, 1000)) {
            REQUIRE(*one.body == std::to_string(next++));
            taken.push_back(std::move(one));
        }
    }
    CHECK(rig.attribute("totalrecv") == "600");
    CHECK(settle(atomic.consumer, taken, VOLLEY_ACK) == Results(400, VOLLEY_OK));
    CHECK(rig.waiting() == "0");
}

TEST_CASE("prefetched messages that grow stale are released and received again", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send_numbers(atomic, 300);
    rig.command({"HSET", "rsmq:q:Q", "vt", "1"});
    PostedCommit commit(atomic.functions, atomic.consumer, take(atomic.consumer, 150, 1000));
    REQUIRE(commit.outcome() == VOLLEY_OK);
    const auto first = take(atomic.consumer, 1, 1000);
    REQUIRE(first.size() == 1);
    const auto begin = std::chrono::steady_clock::now();
    wait_for("a third of the lease has passed",
             [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(400); });
    const auto rest = take_all(atomic.consumer, 149);
    REQUIRE(rest.size() == 149);
    CHECK(std::all_of(rest.begin(), rest.end(), [](const Received& one) { return one.delivery_count == 2; }));
}

TEST_CASE("prefetched messages that are released keep their order", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send_numbers(atomic, 1200);
    rig.command({"HSET", "rsmq:q:Q", "vt", "3"});
    PostedCommit commit(atomic.functions, atomic.consumer, take(atomic.consumer, 200, 1000));
    wait_for("more are received", [&] { return rig.attribute("totalrecv") == "400"; });
    REQUIRE(commit.outcome() == VOLLEY_OK);
    const bool at_a_stop = GENERATE(false, true);
    INFO(at_a_stop);
    std::optional<plugins::Consumer> next;
    if (at_a_stop) {
        REQUIRE(atomic.consumer.close(1000).has_value());
        next.emplace(rig.consumer());
    } else {
        const auto begin = std::chrono::steady_clock::now();
        wait_for("a third of the lease has passed",
                 [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1100); });
    }
    const auto rest = take_all(next ? *next : atomic.consumer, 1000);
    REQUIRE(rest.size() == 1000);
    CHECK(rest.front().delivery_count == 2);
    for (std::size_t i = 0; i < rest.size(); ++i) REQUIRE(*rest[i].body == std::to_string(200 + i));
}

TEST_CASE("the outputs of a commit that was committed are not checked again in its repeat", "[rsmq]") {
    Committing c;
    send(c.in, {std::string(2000, 'x'), "b"});
    const auto got = take_all(c.consumer, 2);
    c.proxy.lose_reply_to("ZREM");
    PostedCommit first(c.commit, c.consumer, {got[0]});
    wait_for("it is committed", [&] { return c.rig.waiting() == "1"; });
    // This commit makes the producer learn the new maxsize.
    c.rig.command({"HSET", "rsmq:out:Q", "maxsize", "1024"});
    Outgoing larger;
    larger.add(std::string(70'000, 'x'));
    auto acks = acks_of({got[1]});
    c.commit.post(c.consumer, larger, acks);
    REQUIRE(first.outcome() == VOLLEY_E_UNKNOWN);
    REQUIRE(c.commit.outcome(c.consumer, larger, acks) != VOLLEY_OK);
    CHECK(first.again() == VOLLEY_OK);
    CHECK(c.rig.command({"ZCARD", "rsmq:out"}) == "1");
    CHECK(c.rig.waiting() == "1");
}

TEST_CASE("consume returns when an outcome is known, and outcome when interrupt is called", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    constexpr std::uint32_t for_ever = 3'600'000;
    send(atomic.in, {"a", "b"});
    const auto got = take_all(atomic.consumer, 2);
    PostedCommit first(atomic.functions, atomic.consumer, {got[0]});
    CHECK(take(atomic.consumer, 10, for_ever).empty());
    CHECK(first.outcome(0) == VOLLEY_OK);
    rig.signal(SIGSTOP);
    PostedCommit second(atomic.functions, atomic.consumer, {got[1]});
    atomic.consumer.interrupt();
    CHECK(second.outcome(for_ever) == VOLLEY_PENDING);
    rig.signal(SIGCONT);
    CHECK(second.outcome() == VOLLEY_OK);
}

TEST_CASE("to extend a lease succeeds without effect while its commit is outstanding", "[rsmq]") {
    RsmqRig rig;
    Atomic atomic(rig);
    send(atomic.in, {"a"});
    const auto got = take_all(atomic.consumer, 1);
    const auto* lease = static_cast<const volley_ext_lease*>(atomic.consumer.extension(VOLLEY_EXT_LEASE));
    REQUIRE(lease != nullptr);
    PostedCommit commit(atomic.functions, atomic.consumer, got);
    wait_for("it is committed", [&] { return rig.waiting() == "0"; });
    std::int32_t result = VOLLEY_E_UNKNOWN;
    CHECK(lease->extend(atomic.consumer.get(), &got[0].handle, &result, 1, 30'000, nullptr) == VOLLEY_OK);
    CHECK(result == VOLLEY_OK);
    CHECK(commit.outcome() == VOLLEY_OK);
    CHECK(lease->extend(atomic.consumer.get(), &got[0].handle, &result, 1, 30'000, nullptr) == VOLLEY_OK);
    CHECK(result == VOLLEY_E_LOST);
}

TEST_CASE("a producer with another user than the consumer can post commits", "[rsmq]") {
    RsmqRig rig;
    rig.command({"ACL", "SETUSER", "reader", "on", ">pw", "~*", "&*", "+@all"});
    auto in = rig.producer();
    auto out = rig.producer("out");
    auto consumer = rig.consumer("q", ", \"username\": \"reader\", \"password\": \"pw\"");
    const AtomicCommit commit(out);
    REQUIRE(commit.joins(consumer));
    send(in, {"a", "b", "c"});
    const auto got = take_all(consumer, 3);
    PostedCommit first(commit, consumer, {got[0]});
    REQUIRE(first.outcome() == VOLLEY_OK);
    rig.command({"HINCRBY", "rsmq:q:Q", got[1].id + ":rc", "1"});
    PostedCommit lost(commit, consumer, {got[1]});
    PostedCommit behind(commit, consumer, {got[2]});
    CHECK(lost.outcome() == VOLLEY_E_LOST);
    CHECK(behind.outcome() == VOLLEY_E_RETRY);
    CHECK(stored(rig) == "out of a");
    CHECK(behind.again() == VOLLEY_OK);
    CHECK(stored(rig) == "out of a, out of c");
}

// Commits that the broker rejects: retried, never backwards, and not for an assignment that has ended.
#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

namespace {

const std::string group = R"(,"group.id":"g","session.timeout.ms":6000,"heartbeat.interval.ms":200)";

void fill(Rig& rig, const Cluster& cluster, std::size_t count) {
    Sender sender(rig, "t", cluster.config());
    sender.send_and_wait(count);
    REQUIRE(sender.producer.close(10'000));
}

void read_all(Member& member, std::size_t count) {
    REQUIRE(until([&] {
        member.serve();
        return member.came.size() >= count;
    }));
}

}  // namespace

TEST_CASE("a rejected commit is retried", "[kafka]") {
    const auto error =
        GENERATE(RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                 RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    CAPTURE(rd_kafka_err2name(error));
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 5);
    Member member(rig, "t", cluster.config(group));
    read_all(member, 5);
    const std::uint32_t epoch = member.epochs[0];
    cluster.fail(offset_commit_request, {error, error});
    CHECK(member.commit(0, epoch, 5, false) == VOLLEY_OK);
    // Where the error ends the client's membership, the partition is assigned again with a new epoch. A
    // commit with the old epoch then fails, and one with the new epoch succeeds.
    const bool committed = until([&] {
        for (int i = 0; i < 5; ++i) member.serve();
        if (member.epochs.count(0) != 0 && member.epochs[0] != epoch) {
            CHECK(member.commit(0, epoch, 5, false) == VOLLEY_E_LOST);
            CHECK(member.commit(0, member.epochs[0], 5, false) == VOLLEY_OK);
        }
        return cluster.committed("g", "t", 0) == 5;
    });
    CHECK(committed);
    CHECK_FALSE(member.failure);
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a commit never goes backwards", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 5);
    Member member(rig, "t", cluster.config(group));
    read_all(member, 5);
    REQUIRE(member.commit(0, member.epochs[0], 4, true) == VOLLEY_OK);
    CHECK(member.commit(0, member.epochs[0], 2, true) == VOLLEY_OK);
    CHECK(cluster.committed("g", "t", 0) == 4);
    CHECK(member.commit(0, member.epochs[0] + 1, 5, true) == VOLLEY_E_LOST);
    CHECK(member.commit(7, member.epochs[0], 5, true) == VOLLEY_E_LOST);
    CHECK(cluster.committed("g", "t", 0) == 4);
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a synchronous commit waits for earlier commits, even if it is empty", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 5);
    Member member(rig, "t", cluster.config(group));
    read_all(member, 5);
    constexpr int rtt_ms = 300;
    rd_kafka_mock_broker_set_rtt(cluster.mock, 1, rtt_ms);
    REQUIRE(member.commit(0, member.epochs[0], 2, false) == VOLLEY_OK);
    REQUIRE(member.commit(0, member.epochs[0], 5, false) ==
            VOLLEY_OK);  // sent after the response to the first
    constexpr std::uint32_t timeout_ms = 15'000;
    CHECK(member.log->commit(member.consumer.get(), nullptr, 0, sizeof(volley_partition), 1, timeout_ms,
                             nullptr) == VOLLEY_OK);
    CHECK(cluster.committed("g", "t", 0) == 5);
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a fenced member fails in the next call, and commits nothing more", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 5);
    Member member(rig, "t", cluster.config(group + R"(,"group.instance.id":"one")"));
    read_all(member, 5);
    cluster.fail(heartbeat_request, {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
    REQUIRE(until([&] {
        member.serve();
        return member.failure.has_value();
    }));
    CHECK(member.failure->code == ErrorCode::fenced);
    CHECK(member.commit(0, member.epochs[0], 5, true) == VOLLEY_E_FENCED);
    CHECK(cluster.committed("g", "t", 0) == -1);
    const auto before = std::chrono::steady_clock::now();
    REQUIRE(member.consumer.close(60'000));
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(30));
}

TEST_CASE("the client follows a coordinator and a leader that move", "[kafka]") {
    Cluster cluster(3);
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 3);
    rd_kafka_mock_partition_set_leader(cluster.mock, "t", 0, 1);
    rd_kafka_mock_coordinator_set(cluster.mock, "group", "g", 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    sender.send_and_wait(50);
    Member member(rig, "t", cluster.config(group));
    read_all(member, 50);
    REQUIRE(member.commit(0, member.epochs[0], 50, true) == VOLLEY_OK);
    rd_kafka_mock_partition_set_leader(cluster.mock, "t", 0, 2);
    rd_kafka_mock_coordinator_set(cluster.mock, "group", "g", 3);
    rd_kafka_mock_broker_set_down(cluster.mock, 1);
    for (const volley_report& report : sender.send_and_wait(50)) CHECK(report.status == VOLLEY_OK);
    read_all(member, 100);
    REQUIRE(until([&] {
        member.serve();
        return member.epochs.count(0) != 0 && member.commit(0, member.epochs[0], 100, true) == VOLLEY_OK;
    }));
    CHECK(cluster.committed("g", "t", 0) == 100);
    for (std::size_t i = 0; i < 100; ++i) CHECK(member.came[i] == static_cast<std::int64_t>(i));
    REQUIRE(member.consumer.close(5000));
    REQUIRE(sender.producer.close(5000));
}

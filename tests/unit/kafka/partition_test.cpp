// The choice of a record's partition.
#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

namespace {

constexpr int partitions = 7;

// The partitions that librdkafka itself chooses for these keys, in the same order.
std::vector<std::int32_t> chosen_by_librdkafka(const Cluster& cluster, const std::string& partitioner,
                                               const std::vector<std::string>& keys) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const auto set = [conf](const char* name, const std::string& value) {
        REQUIRE(rd_kafka_conf_set(conf, name, value.c_str(), nullptr, 0) == RD_KAFKA_CONF_OK);
    };
    set("bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster.mock));
    set("log_level", "0");
    set("partitioner", partitioner);
    std::vector<std::int32_t> chosen(keys.size(), -1);
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
        *static_cast<std::int32_t*>(message->_private) = message->partition;
    });
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    rd_kafka_topic_t* topic = rd_kafka_topic_new(producer, "t", nullptr);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        REQUIRE(rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, nullptr, 0, keys[i].data(), keys[i].size(),
                                 &chosen[i]) == 0);
    }
    constexpr int timeout_ms = 30'000;
    REQUIRE(rd_kafka_flush(producer, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    return chosen;
}

std::vector<volley_report> send_one(Sender& sender) {
    const std::size_t before = sender.reports().size();
    Outgoing out;
    out.add("no key");
    REQUIRE(sender.send(out) == 1);
    REQUIRE(until([&] { return sender.reports().size() > before; }));
    return sender.reports();
}

std::set<std::int32_t> used(const std::vector<volley_report>& reports) {
    std::set<std::int32_t> out;
    for (const volley_report& report : reports) out.insert(report.partition);
    return out;
}

}  // namespace

TEST_CASE("a key's partition is that of librdkafka's partitioner", "[kafka]") {
    const std::string partitioner =
        GENERATE("consistent_random", "consistent", "murmur2_random", "murmur2", "fnv1a_random", "fnv1a");
    CAPTURE(partitioner);
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", partitions, 1);
    std::vector<std::string> keys;
    constexpr int count = 300;
    for (int i = 0; i < count; ++i) keys.push_back("key " + std::to_string(i));
    if (partitioner != "consistent_random") keys.emplace_back();  // there an empty one goes to any
    const std::vector<std::int32_t> expected = chosen_by_librdkafka(cluster, partitioner, keys);
    REQUIRE(std::set<std::int32_t>(expected.begin(), expected.end()).size() == partitions);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config(R"(,"partitioner":")" + partitioner + '"'));
    Outgoing out;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        volley_record& record = out.add("body");
        record.key = {keys[i].data(), keys[i].size()};
        record.token = i;
    }
    REQUIRE(sender.send(out) == keys.size());
    REQUIRE(until([&] { return sender.reports().size() == keys.size(); }));
    std::vector<std::int32_t> chosen(keys.size(), -1);
    for (const volley_report& report : sender.reports()) chosen[report.token] = report.partition;
    CHECK(chosen == expected);
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("records without a key go to all partitions, whether many or few", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", partitions, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config(R"(,"batch.num.messages":1000)"));
    SECTION("a request's worth each") {
        constexpr std::uint32_t count = 1000 * partitions;
        Outgoing out;
        out.records.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) out.add("x");
        REQUIRE(sender.send(out) == count);
        REQUIRE(until([&] { return sender.reports().size() == count; }));
        std::map<std::int32_t, std::size_t> counts;
        for (const volley_report& report : sender.reports()) ++counts[report.partition];
        REQUIRE(counts.size() == partitions);
        for (const auto& [partition, records] : counts) CHECK(records == 1000);
    }
    SECTION("one now and then") {
        CHECK(until([&] { return used(send_one(sender)).size() == partitions; }));
    }
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("a partition without a leader gets no records without a key", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 3, 1);
    REQUIRE(rd_kafka_mock_partition_set_leader(cluster.mock, "t", 1, -1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    Rig rig("kafka.so");
    Sender sender(rig, "t",
                  cluster.config(R"(,"statistics.interval.ms":100,"topic.metadata.refresh.interval.ms":100,
        "sticky.partitioning.linger.ms":0)"));
    constexpr int rounds = 30;
    for (int i = 0; i < rounds; ++i) send_one(sender);
    CHECK(used(sender.reports()) == std::set<std::int32_t>{0, 2});
    REQUIRE(rd_kafka_mock_partition_set_leader(cluster.mock, "t", 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    CHECK(until([&] { return used(send_one(sender)).size() == 3; }));
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("records without a key leave a partition that lost its leader", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 3, 1);
    Rig rig("kafka.so");
    // Time and number of records alone would keep the partition.
    Sender sender(rig, "t",
                  cluster.config(R"(,"statistics.interval.ms":100,"topic.metadata.refresh.interval.ms":100,
        "sticky.partitioning.linger.ms":600000)"));
    const std::int32_t lost = send_one(sender)[0].partition;
    REQUIRE(rd_kafka_mock_partition_set_leader(cluster.mock, "t", lost, -1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    Outgoing out;
    out.add("no key");
    std::size_t sent = 1;
    CHECK(until([&] {
        REQUIRE(sender.send(out) == 1);
        ++sent;
        return used(sender.reports()).size() == 2;
    }));
    REQUIRE(rd_kafka_mock_partition_set_leader(cluster.mock, "t", lost, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    CHECK(until([&] { return sender.reports().size() == sent; }));
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("a handler's choice of a partition that does not exist fails permanently", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 2, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    Outgoing out;
    for (const std::int32_t partition : {0, 1, 2, 1}) out.add("x").partition = partition;
    for (std::size_t i = 0; i < 4; ++i) out.records[i].token = i;
    REQUIRE(sender.send(out) == 4);
    REQUIRE(until([&] { return sender.reports().size() == 4; }));
    for (const volley_report& report : sender.reports()) {
        CHECK(report.status == (report.token == 2 ? VOLLEY_E_PERMANENT : VOLLEY_OK));
        if (report.token != 2) CHECK(report.partition == out.records[report.token].partition);
    }
    REQUIRE(sender.producer.close(5000));
}

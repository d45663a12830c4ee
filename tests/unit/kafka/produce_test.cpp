// Records that the broker rejects: temporary errors are retried, permanent ones are reported once, and a
// producer with a fatal error is replaced.
#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("temporary errors are retried by librdkafka, in order and without duplicates", "[kafka]") {
    const auto error =
        GENERATE(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                 RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    CAPTURE(rd_kafka_err2name(error));
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    cluster.fail(produce_request, {error, error});
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("permanent errors are reported once, with their status", "[kafka]") {
    const auto [error, status] = GENERATE(table<rd_kafka_resp_err_t, std::int32_t>(
        {{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, VOLLEY_E_TOO_LARGE},
         {RD_KAFKA_RESP_ERR_INVALID_RECORD, VOLLEY_E_PERMANENT},
         {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, VOLLEY_E_UNAUTHORIZED}}));
    CAPTURE(rd_kafka_err2name(error));
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    cluster.fail(produce_request, {error});
    CHECK(sender.send_and_wait(1)[0].status == status);
    // Missing authorization lasts; the other errors concern this one message.
    if (status != VOLLEY_E_UNAUTHORIZED) CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("an idempotent producer that lost its sequence is replaced, and continues", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    cluster.fail(produce_request, {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
    const std::int32_t status = sender.send_and_wait(1)[0].status;
    CHECK((status == VOLLEY_E_RETRY || status == VOLLEY_E_UNKNOWN));
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("a full queue is not an error", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config(R"(,"queue.buffering.max.messages":10,"linger.ms":100)"));
    Outgoing out;
    for (int i = 0; i < 30; ++i) out.add("x");
    std::uint32_t accepted = 0;
    auto result = sender.producer.produce(out.records.data(), 30, accepted);
    REQUIRE(result);
    CHECK(*result == VOLLEY_AGAIN);
    CHECK(accepted == 10);
    CHECK(until([&] { return sender.reports().size() == 10; }));
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("records that cannot be sent before close are all reported as unknown or not sent", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    rd_kafka_mock_broker_set_down(cluster.mock, 1);
    Outgoing out;
    for (int i = 0; i < 20; ++i) out.add("x");
    REQUIRE(sender.send(out) == 20);
    REQUIRE(sender.producer.close(200));
    const std::vector<volley_report> reports = sender.reports();
    REQUIRE(reports.size() == 21);
    for (std::size_t i = 1; i < reports.size(); ++i)
        CHECK((reports[i].status == VOLLEY_E_RETRY || reports[i].status == VOLLEY_E_UNKNOWN));
}

TEST_CASE("timestamps, keys, headers and tombstones are sent", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    Outgoing out;
    const volley_header header{out.keep("name"), out.keep("value")};
    volley_record& first = out.add("body");
    first.key = out.keep("key");
    first.headers = &header;
    first.header_count = 1;
    first.timestamp_ms = 1'234'567'890'123;
    out.add("").body = {};
    REQUIRE(sender.send(out) == 2);
    REQUIRE(until([&] { return sender.reports().size() == 2; }));
    Member member(rig, "t", cluster.config(R"(,"group.id":"g")"));
    std::vector<Received> came;
    std::vector<std::int64_t> timestamps;
    REQUIRE(until([&] {
        Room room(10);
        REQUIRE(member.consumer.consume(room.batch, 50));
        for (Received& received : room.received()) came.push_back(std::move(received));
        for (std::uint32_t i = 0; i < room.batch.count; ++i)
            timestamps.push_back(room.messages[i].timestamp_ms);
        return came.size() == 2;
    }));
    CHECK(timestamps[0] == 1'234'567'890'123);
    CHECK(came[0].key == "key");
    CHECK(came[0].headers == std::vector<std::pair<std::string, std::string>>{{"name", "value"}});
    CHECK(came[1].body == std::nullopt);
    settle(member.consumer, came, VOLLEY_ACK);
    REQUIRE(member.consumer.close(5000));
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("records of many requests arrive once and in order", "[kafka]") {
    const int partitions = GENERATE(1, 3);
    CAPTURE(partitions);
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", partitions, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    constexpr std::uint32_t count = 50'000;
    Outgoing out;
    out.records.reserve(count);
    const volley_header header{out.keep("name"), out.keep("value")};
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_record& record = out.add(std::to_string(i));
        record.token = i;
        if (partitions > 1) record.partition = static_cast<std::int32_t>(i % 3);
        if (i % 100 == 0) {  // librdkafka gets those one by one
            record.headers = &header;
            record.header_count = 1;
        }
    }
    REQUIRE(sender.send(out) == count);
    REQUIRE(until([&] { return sender.reports().size() == count; }));
    std::vector<std::int64_t> last(3, -1);
    std::vector<std::int64_t> last_offset(3, -1);
    std::set<std::uint64_t> tokens;
    for (const volley_report& report : sender.reports()) {
        REQUIRE(report.status == VOLLEY_OK);
        tokens.insert(report.token);
        const auto partition = static_cast<std::size_t>(report.partition);
        REQUIRE(static_cast<std::int64_t>(report.token) > last[partition]);
        REQUIRE(report.offset > last_offset[partition]);
        last[partition] = static_cast<std::int64_t>(report.token);
        last_offset[partition] = report.offset;
    }
    CHECK(tokens.size() == count);
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("the smallest batches, no limit, and short timeouts delay nothing", "[kafka]") {
    const std::string limits = GENERATE(
        R"(,"batch.num.messages":1)", R"(,"batch.size":1)", R"(,"queue.buffering.max.messages":0)",
        R"(,"message.timeout.ms":1000)", R"(,"delivery.timeout.ms":900)", R"(,"statistics.interval.ms":0)");
    CAPTURE(limits);
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config(limits));
    // The timeout includes getting a producer ID, which may take half a second.
    REQUIRE(until([&] { return sender.send_and_wait(1)[0].status == VOLLEY_OK; }));
    for (const volley_report& report : sender.send_and_wait(300)) CHECK(report.status == VOLLEY_OK);
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("records still queued at close are reported, too", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    rd_kafka_mock_broker_set_down(cluster.mock, 1);
    constexpr std::uint32_t count = 50'000;  // more than two requests
    Outgoing out;
    out.records.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) out.add("x");
    REQUIRE(sender.send(out) == count);
    REQUIRE(sender.producer.close(200));
    const std::vector<volley_report> reports = sender.reports();
    REQUIRE(reports.size() == count + 1);
    for (std::size_t i = 1; i < reports.size(); ++i)
        CHECK((reports[i].status == VOLLEY_E_RETRY || reports[i].status == VOLLEY_E_UNKNOWN));
}

TEST_CASE("after a fatal error no queued record goes to the next producer", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    cluster.fail(produce_request, {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
    constexpr std::uint32_t count = 50'000;
    Outgoing out;
    out.records.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) out.add("x").token = i + 1;
    REQUIRE(sender.send(out) == count);
    REQUIRE(until([&] { return sender.reports().size() == count + 1; }));
    // Had it been sent after those that failed, it would have overtaken them.
    for (const volley_report& report : sender.reports()) {
        if (report.token == count) CHECK(report.status != VOLLEY_OK);
    }
    CHECK(until([&] { return sender.send_and_wait(1)[0].status == VOLLEY_OK; }));
    REQUIRE(sender.producer.close(5000));
}

TEST_CASE("without idempotence one request at a time keeps the order, unless the file allows more",
          "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    const auto [config, ordered] = GENERATE(table<std::string, bool>({
        {"", true},
        {R"(,"acks":"1")", true},
        {R"(,"enable.idempotence":false)", true},
        {R"(,"acks":"1","max.in.flight":5)", false},
        {R"(,"enable.idempotence":"false","max.in.flight.requests.per.connection":"2")", false},
    }));
    CAPTURE(config);
    Sender sender(rig, "t", cluster.config(config));
    const auto* more =
        static_cast<const volley_ext_abilities*>(sender.producer.extension(VOLLEY_EXT_ABILITIES));
    CHECK((more != nullptr && (more->flags & VOLLEY_ORDERED) != 0) == ordered);
    for (const volley_report& report : sender.send_and_wait(10)) CHECK(report.status == VOLLEY_OK);
    REQUIRE(sender.producer.close(5000));
}

// Messages that are lent and returned.
#include "deliveries.hpp"

#include "cluster.hpp"

using namespace volley;
using namespace volley::test;
using volley::kafka::Deliveries;

namespace {

// librdkafka's own consumer of partition 0.
class Reader {
public:
    explicit Reader(const Cluster& cluster) {
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster.mock), nullptr,
                          0);
        rd_kafka_conf_set(conf, "group.id", "g", nullptr, 0);
        rd_kafka_conf_set(conf, "log_level", "0", nullptr, 0);
        client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
        REQUIRE(client_ != nullptr);
        rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, "t", 0)->offset = 0;
        CHECK(rd_kafka_assign(client_, list) == RD_KAFKA_RESP_ERR_NO_ERROR);
        rd_kafka_topic_partition_list_destroy(list);
    }
    ~Reader() { rd_kafka_destroy(client_); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    rd_kafka_message_t* take() {
        rd_kafka_message_t* message = nullptr;
        REQUIRE(until([&] {
            message = rd_kafka_consumer_poll(client_, 50);
            if (message == nullptr || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return message != nullptr;
            rd_kafka_message_destroy(message);
            return false;
        }));
        return message;
    }

private:
    rd_kafka_t* client_ = nullptr;
};

}  // namespace

TEST_CASE("a lent message has a handle of its own, and its views, until it is returned", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    Outgoing out;
    const volley_header header{out.keep("name"), out.keep("value")};
    for (int i = 0; i < 5; ++i) {
        volley_record& record = out.add("body " + std::to_string(i));
        record.headers = &header;
        record.header_count = i == 1 ? 0 : 1;
    }
    REQUIRE(sender.send(out) == 5);
    REQUIRE(until([&] { return sender.reports().size() == 5; }));
    REQUIRE(sender.producer.close(5000));

    Reader reader(cluster);  // outlives the deliveries
    Deliveries deliveries;
    std::vector<volley_message> lent(3);
    for (volley_message& message : lent) deliveries.lend(reader.take(), message);
    CHECK(lent[0].handle != lent[1].handle);
    CHECK(lent[1].handle != lent[2].handle);
    CHECK(lent[0].handle != lent[2].handle);
    deliveries.release(lent[1].handle);
    deliveries.release(lent[1].handle);  // does nothing

    // The free handle is reused, the others keep their messages.
    volley_message fourth{};
    deliveries.lend(reader.take(), fourth);
    CHECK(fourth.handle == lent[1].handle);
    volley_message fifth{};
    deliveries.lend(reader.take(), fifth);
    CHECK(fifth.handle != fourth.handle);
    CHECK(text_of(lent[0].body) == "body 0");
    CHECK(text_of(lent[2].body) == "body 2");
    CHECK(text_of(fourth.body) == "body 3");
    CHECK(text_of(fifth.body) == "body 4");
    REQUIRE((fourth.header_count == 1 && lent[2].header_count == 1));
    CHECK(text_of(fourth.headers[0].value) == "value");
    CHECK(fourth.offset == 3);
}

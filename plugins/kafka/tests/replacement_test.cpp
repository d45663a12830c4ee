// A producer whose replacement fails, too.
#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("a producer that fails again at once is replaced again", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    for (int round = 0; round < 3; ++round) {
        cluster.fail(produce_request, {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
        // Records that arrive before the replacement are also reported, and none is reported twice.
        CHECK(until([&] { return sender.send_and_wait(1)[0].status != VOLLEY_OK; }));
        for (int i = 0; i < 20; ++i) sender.send_and_wait(1);
    }
    CHECK(until([&] { return sender.send_and_wait(1)[0].status == VOLLEY_OK; }));
    const std::size_t reports = sender.reports().size();
    REQUIRE(sender.producer.close(5000));
    CHECK(sender.reports().size() == reports);
}

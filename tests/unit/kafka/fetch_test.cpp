// What librdkafka fetches ahead, and when it goes on.
#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("fetching that stopped at a full queue goes on when there is room", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    // A fetch brings one batch, and so one message, which fills the queue. Left alone, librdkafka 2.0.2 looks
    // again after a second.
    constexpr std::size_t count = 200;
    Sender sender(rig, "t", cluster.config());
    for (std::size_t i = 0; i < count; ++i) CHECK(sender.send_and_wait(1)[0].status == VOLLEY_OK);
    REQUIRE(sender.producer.close(5000));
    Member member(rig, "t", cluster.config(R"(,"group.id":"g","queued.min.messages":1)"));
    CHECK(until([&] {
        member.serve();
        return member.came.size() == count;
    }));
    REQUIRE(member.consumer.close(5000));
}

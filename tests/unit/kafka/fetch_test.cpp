// Prefetching by librdkafka, and when it resumes.
#include <future>

#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

TEST_CASE("fetching that stopped at a full queue resumes when there is room", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    // A fetch brings one batch of one message, which fills the queue. By itself, librdkafka 2.0.2 checks
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

TEST_CASE("an interrupt ends a wait, also when fetching is due to resume", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    Sender sender(rig, "t", cluster.config());
    Member member(rig, "t", cluster.config(R"(,"group.id":"g")"));
    constexpr std::size_t rounds = 10;
    constexpr std::uint32_t longer_than_the_deadline_ms = 60'000;
    for (std::size_t i = 0; i < rounds; ++i) {
        // One message per call: the second call resumes fetching, and the call after the last comes before
        // the next resume is due.
        constexpr std::size_t count = 3;
        sender.send_and_wait(count);
        std::size_t came = 0;
        REQUIRE(until([&] {
            Room room(1);
            REQUIRE(member.consumer.consume(room.batch, 50));
            came += room.batch.count;
            settle(member.consumer, room.received(), VOLLEY_ACK);
            return came == count;
        }));
        member.consumer.interrupt();
        std::promise<void> over;
        std::thread waiting([&] {
            Room room(10);
            CHECK(member.consumer.consume(room.batch, longer_than_the_deadline_ms));
            over.set_value();
        });
        const bool in_time =
            over.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
        waiting.join();
        REQUIRE(in_time);
    }
    REQUIRE(sender.producer.close(5000));
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a consumer's identity is its cluster and its group", "[kafka]") {
    const Cluster cluster, other;
    Rig rig("kafka.so");
    const auto identity = [&](const Cluster& of, const std::string& group) {
        auto consumer = rig.consumer("t", of.config(R"(,"group.id":")" + group + '"'));
        const auto* named = static_cast<const volley_ext_identity*>(consumer.extension(VOLLEY_EXT_IDENTITY));
        REQUIRE(named != nullptr);
        volley_view text{};
        volley_error error{};
        error.struct_size = sizeof error;
        INFO(error.text);
        REQUIRE(named->identity(consumer.get(), &text, &error) == VOLLEY_OK);
        return std::string(text_of(text));
    };
    CHECK(identity(cluster, "g") == identity(cluster, "g"));
    CHECK(identity(cluster, "g") != identity(cluster, "h"));
    CHECK(identity(cluster, "g") != identity(other, "g"));
}

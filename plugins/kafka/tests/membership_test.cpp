// Partitions that come, go and are paused; topics that are missing.
#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

namespace {

const std::string group = R"(,"group.id":"g","session.timeout.ms":6000,"heartbeat.interval.ms":200)";

void put(Rig& rig, const Cluster& cluster, std::size_t count, std::int32_t partitions) {
    Sender sender(rig, "t", cluster.config());
    Outgoing out;
    for (std::size_t i = 0; i < count; ++i)
        out.add("x").partition = static_cast<std::int32_t>(i) % partitions;
    REQUIRE(sender.send(out) == count);
    REQUIRE(until([&] { return sender.reports().size() == count; }));
    REQUIRE(sender.producer.close(5000));
}

void set_paused(Member& member, std::int32_t partitions, bool paused) {
    const auto* table =
        static_cast<const volley_ext_partitions*>(member.consumer.extension(VOLLEY_EXT_PARTITIONS));
    std::vector<volley_partition> all(static_cast<std::size_t>(partitions));
    for (std::int32_t i = 0; i < partitions; ++i) {
        all[static_cast<std::size_t>(i)].source = view_of(member.topic);
        all[static_cast<std::size_t>(i)].partition = i;
    }
    const auto change = paused ? table->pause : table->resume;
    REQUIRE(change(member.consumer.get(), all.data(), static_cast<std::uint32_t>(partitions),
                   sizeof(volley_partition), nullptr) == VOLLEY_OK);
}

}  // namespace

TEST_CASE("a partition that comes back has a new epoch, and is not paused", "[kafka]") {
    constexpr std::int32_t partitions = 2;
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", partitions, 1);
    Rig rig("kafka.so");
    Member member(rig, "t", cluster.config(group));
    REQUIRE(until([&] {
        member.serve();
        return member.epochs.size() == partitions;
    }));
    const auto before = member.epochs;
    set_paused(member, partitions, true);

    Member other(rig, "t", cluster.config(group));
    REQUIRE(until([&] {
        member.serve();
        other.serve();
        return member.epochs.size() == 1 && other.epochs.size() == 1;
    }));
    REQUIRE(other.consumer.close(5000));
    REQUIRE(until([&] {
        member.serve();
        return member.epochs.size() == partitions;
    }));
    for (const auto& [partition, epoch] : member.epochs) {
        CHECK(epoch > before.at(partition));
        CHECK(member.commit(partition, before.at(partition), 1, false) == VOLLEY_E_LOST);
    }
    constexpr std::size_t count = 20;
    put(rig, cluster, count, partitions);
    CHECK(until([&] {
        member.serve();
        return member.came.size() == count;
    }));
    CHECK_FALSE(member.failure);
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a pause loses nothing that was fetched before it", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    constexpr std::size_t count = 500;
    put(rig, cluster, count, 1);
    Member member(rig, "t", cluster.config(group));
    REQUIRE(until([&] { return member.serve() > 0; }));
    std::size_t round = 0;
    CHECK(until([&] {
        set_paused(member, 1, true);
        for (int i = 0; i < 3; ++i) REQUIRE(member.consumer.poll(10));
        set_paused(member, 1, false);
        ++round;
        return until([&] { return member.serve() > 0 || member.came.size() == count; }) &&
               member.came.size() == count;
    }));
    CHECK(round > 1);
    for (std::size_t i = 0; i < count; ++i) CHECK(member.came[i] == static_cast<std::int64_t>(i));
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("resuming what is not paused does not rewind", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    constexpr std::size_t count = 1000;
    put(rig, cluster, count, 1);
    Member member(rig, "t", cluster.config(group));
    REQUIRE(until([&] {
        member.serve();
        set_paused(member, 1, false);
        return member.came.size() >= count;
    }));
    for (std::size_t i = 0; i < count; ++i) REQUIRE(member.came[i] == static_cast<std::int64_t>(i));
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a consumer says that its topic is missing, until it is there", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    rd_kafka_mock_topic_set_error(cluster.mock, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    Rig rig("kafka.so");
    std::uint32_t state = VOLLEY_UP;
    std::string text;
    plugins::Services services{.queue = "in", .component = "test"};
    services.health = [&](std::uint32_t to, std::string why) {
        state = to;
        text = std::move(why);
    };
    auto made = plugins::Consumer::create(rig.find(plugins::Kind::consumer), services, cluster.config(group),
                                          "t", "/");
    REQUIRE(made);
    volley_partition_events events{};
    events.struct_size = sizeof events;
    events.assigned = [](void*, const volley_partition*, std::uint32_t, std::uint32_t) {};
    events.revoked = [](void*, const volley_partition*, std::uint32_t, std::uint32_t, std::int32_t) {};
    static_cast<const volley_ext_partitions*>(made->extension(VOLLEY_EXT_PARTITIONS))
        ->listen(made->get(), &events);
    REQUIRE(made->open());
    CHECK(state == VOLLEY_DOWN);
    CHECK(text == "there is no topic \"t\"");
    rd_kafka_mock_topic_set_error(cluster.mock, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
    CHECK(until([&] {
        take(*made, 1, 50);
        return state == VOLLEY_UP;
    }));
    REQUIRE(made->close(5000));
}

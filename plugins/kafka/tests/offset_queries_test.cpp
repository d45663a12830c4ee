// How many queries for offsets are sent, and what a broker that does not respond costs.
#include <dlfcn.h>

#include <atomic>

#include "cluster.hpp"
#include "query_pause.hpp"

using namespace volley;
using namespace volley::test;
using volley::kafka::QueryPause;

namespace {

std::atomic<int> queries{0};
std::atomic<int> most_partitions{0};
std::atomic<int> watermark_queries{0};

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// The plugin finds these in place of librdkafka's.
#pragma GCC visibility push(default)
extern "C" {
rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* list,
                                               int timeout_ms) {
    queries.fetch_add(1);
    most_partitions.store(std::max(most_partitions.load(), list->cnt));
    return next<decltype(rd_kafka_offsets_for_times)>("rd_kafka_offsets_for_times")(rk, list, timeout_ms);
}
rd_kafka_resp_err_t rd_kafka_query_watermark_offsets(rd_kafka_t* rk, const char* topic,
                                                     std::int32_t partition, std::int64_t* low,
                                                     std::int64_t* high, int timeout_ms) {
    watermark_queries.fetch_add(1);
    return next<decltype(rd_kafka_query_watermark_offsets)>("rd_kafka_query_watermark_offsets")(
        rk, topic, partition, low, high, timeout_ms);
}
}
#pragma GCC visibility pop

namespace {

constexpr int partitions = 4;
constexpr std::size_t count = 40;

// A member that has read all messages of all partitions.
struct Caught {
    Caught() {
        rd_kafka_mock_topic_create(cluster.mock, "t", partitions, 1);
        Sender sender(rig, "t", cluster.config());
        Outgoing out;
        for (std::size_t i = 0; i < count; ++i)
            out.add("x").partition = static_cast<std::int32_t>(i % partitions);
        REQUIRE(sender.send(out) == count);
        REQUIRE(until([&] { return sender.reports().size() == count; }));
        REQUIRE(sender.producer.close(5000));
        member = std::make_unique<Member>(rig, "t", cluster.config(R"(,"group.id":"g")"));
        REQUIRE(until([&] {
            member->serve();
            return member->came.size() == count;
        }));
    }
    std::int64_t lag() const {
        const auto* inspect =
            static_cast<const volley_ext_inspect*>(member->consumer.extension(VOLLEY_EXT_INSPECT));
        volley_stats stats{};
        stats.struct_size = sizeof stats;
        volley_error error{};
        error.struct_size = sizeof error;
        const std::int32_t status = inspect->stats(member->consumer.get(), &stats, &error);
        INFO(error.text);
        REQUIRE(status == VOLLEY_OK);
        return stats.ready;
    }
    Cluster cluster;
    Rig rig{"kafka.so"};
    std::unique_ptr<Member> member;
};

}  // namespace

TEST_CASE("all partitions share a query", "[kafka]") {
    watermark_queries = 0;
    Caught caught;
    // The marks of all partitions.
    most_partitions = 0;
    CHECK(until([&] {
        caught.member->serve();
        return most_partitions == partitions;
    }));
    queries = 0;
    CHECK(caught.lag() == 0);
    CHECK(queries == 2);  // the ends, and the starts
    CHECK(watermark_queries == 0);
    REQUIRE(caught.member->consumer.close(5000));
}

TEST_CASE("a broker that does not respond is asked once", "[kafka]") {
    Caught caught;
    constexpr int rtt_ms = 3 * QueryPause::timeout_ms;
    rd_kafka_mock_broker_set_rtt(caught.cluster.mock, 1, rtt_ms);
    // Until one query has timed out.
    const auto before = std::chrono::steady_clock::now();
    REQUIRE(until([&] {
        queries = 0;
        return caught.lag() == 0 && queries == 1;
    }));
    for (int i = 0; i < 20; ++i) {
        CHECK(caught.lag() == 0);  // as of the last fetches
        caught.member->serve();
        // The pause began after `before`.
        const bool is_paused =
            std::chrono::steady_clock::now() - before < std::chrono::milliseconds(QueryPause::pause_ms);
        if (is_paused) REQUIRE(queries == 1);
    }
    rd_kafka_mock_broker_set_rtt(caught.cluster.mock, 1, 0);
    CHECK(until([&] {
        queries = 0;
        caught.member->serve();
        return caught.lag() == 0 && queries == 2;
    }));
    REQUIRE(caught.member->consumer.close(20'000));
}

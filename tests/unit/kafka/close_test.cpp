// The end of a producer: afterwards librdkafka uses neither the records nor the host.
#include <dlfcn.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <limits>

#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

namespace {

std::atomic<int> purges_without_effect{0};
std::atomic<int> destroy_calls{0};
std::function<void()> before_destroy;

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// The plugin finds these in place of librdkafka's.
#pragma GCC visibility push(default)
extern "C" {
rd_kafka_resp_err_t rd_kafka_purge(rd_kafka_t* rk, int flags) {
    if (purges_without_effect.load() > 0) {
        purges_without_effect.fetch_sub(1);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return next<decltype(rd_kafka_purge)>("rd_kafka_purge")(rk, flags);
}
void rd_kafka_destroy_flags(rd_kafka_t* rk, int flags) {
    destroy_calls.fetch_add(1);
    if (before_destroy) before_destroy();
    next<decltype(rd_kafka_destroy_flags)>("rd_kafka_destroy_flags")(rk, flags);
}
}
#pragma GCC visibility pop

namespace {

// A producer with records that librdkafka has and cannot send.
struct Stuck {
    Stuck() {
        rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
        sender = std::make_unique<Sender>(rig, "t", cluster.config());
        CHECK(sender->send_and_wait(1)[0].status == VOLLEY_OK);
        rd_kafka_mock_broker_set_down(cluster.mock, 1);
        for (int i = 0; i < 20; ++i) out.add("x");
        REQUIRE(sender->send(out) == 20);
    }
    Cluster cluster;
    Rig rig{"kafka.so"};
    Outgoing out;
    std::unique_ptr<Sender> sender;
};

// A host whose log blocks once, until the instance is destroyed or five seconds are over.
struct Host {
    Host() {
        host.struct_size = sizeof host;
        host.abi_minor = VOLLEY_ABI_MINOR;
        host.message_size = sizeof(volley_message);
        host.record_size = sizeof(volley_record);
        host.context = this;
        host.log_level = [](const volley_host*) -> std::uint32_t { return VOLLEY_DEBUG; };
        host.log = [](const volley_host* self, std::uint32_t, volley_view, const volley_header*,
                      std::uint32_t) { static_cast<Host*>(self->context)->log(); };
        host.metric = [](const volley_host*, std::uint32_t, const char*, const char*, const volley_header*,
                         std::uint32_t) -> volley_metric* { return nullptr; };
        host.metric_add = [](volley_metric*, double) {};
        host.metric_set = [](volley_metric*, double) {};
        host.wake = [](const volley_host*) {};
        host.health = [](const volley_host*, std::uint32_t, volley_view) {};
    }
    void log() {
        std::unique_lock lock(mutex);
        if (!blocks) return;
        blocks = false;
        ++in_log;
        constexpr std::chrono::seconds longer_than_destroy_waits{5};
        changed.wait_for(lock, longer_than_destroy_waits, [this] { return is_destroyed; });
        --in_log;
    }
    volley_host host{};
    std::mutex mutex;
    std::condition_variable changed;
    bool blocks = false;
    bool is_destroyed = false;
    int in_log = 0;
};

}  // namespace

TEST_CASE("what a purge misses is purged again before close returns", "[kafka]") {
    Stuck stuck;
    purges_without_effect = 1;
    REQUIRE(stuck.sender->producer.close(200));
    CHECK(purges_without_effect == 0);
    const std::vector<volley_report> reports = stuck.sender->reports();
    REQUIRE(reports.size() == 21);
    for (std::size_t i = 1; i < reports.size(); ++i)
        CHECK((reports[i].status == VOLLEY_E_RETRY || reports[i].status == VOLLEY_E_UNKNOWN));
}

TEST_CASE("if purges fail, librdkafka is destroyed before close returns", "[kafka]") {
    Stuck stuck;
    purges_without_effect = std::numeric_limits<int>::max();
    destroy_calls = 0;
    const auto closed = stuck.sender->producer.close(200);
    purges_without_effect = 0;
    REQUIRE(closed);
    CHECK(destroy_calls == 1);
}

TEST_CASE("no log line is written once a producer is destroyed", "[kafka]") {
    static Host host;  // outlives librdkafka's threads
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    const std::string config = cluster.config(R"(,"debug":"broker")");
    volley_options options{};
    options.struct_size = sizeof options;
    options.config = view_of(config);
    options.value = volley_text("t");
    const auto& functions =
        *static_cast<const volley_producer_class*>(rig.find(plugins::Kind::producer).description->functions);
    volley_producer* producer = nullptr;
    volley_error error{};
    error.struct_size = sizeof error;
    INFO(error.text);
    REQUIRE(functions.create(&host.host, &options, &Reports::take, &rig.reports, &producer, &error) ==
            VOLLEY_OK);
    REQUIRE(functions.open(producer, &error) == VOLLEY_OK);
    REQUIRE(functions.close(producer, 1000, &error) == VOLLEY_OK);
    before_destroy = [] {
        const std::lock_guard lock(host.mutex);
        host.blocks = true;
    };
    functions.destroy(producer);
    const std::lock_guard lock(host.mutex);
    host.is_destroyed = true;
    host.changed.notify_all();
    CHECK_FALSE(host.blocks);
    CHECK(host.in_log == 0);
    before_destroy = nullptr;
}

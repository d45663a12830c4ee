// A Kafka cluster in this process: librdkafka's mock cluster, which can return errors on request.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "rig.hpp"

namespace volley::test {

// Kafka's API keys of the requests that tests make fail.
constexpr std::int16_t produce_request = 0;
constexpr std::int16_t offset_commit_request = 8;
constexpr std::int16_t heartbeat_request = 12;

class Cluster {
public:
    explicit Cluster(int brokers = 1) {
        char why[256];
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "log_level", "0", nullptr, 0);
        handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
        REQUIRE(handle_ != nullptr);
        mock = rd_kafka_mock_cluster_new(handle_, brokers);
        REQUIRE(mock != nullptr);
    }
    ~Cluster() {
        rd_kafka_mock_cluster_destroy(mock);
        rd_kafka_destroy(handle_);
    }
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // Makes the next requests of this kind fail, with one error each.
    void fail(std::int16_t request, const std::vector<rd_kafka_resp_err_t>& errors) {
        rd_kafka_mock_push_request_errors_array(mock, request, errors.size(), errors.data());
    }
    // A configuration for this cluster. `more` is JSON: ,"key":"value".
    std::string config(const std::string& more = "") const {
        return R"({"bootstrap.servers":")" + std::string(rd_kafka_mock_cluster_bootstraps(mock)) + '"' +
               more + '}';
    }
    // The committed offset as another client reads it; -1: none.
    std::int64_t committed(const std::string& group, const std::string& topic, std::int32_t partition) const {
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), nullptr, 0);
        rd_kafka_conf_set(conf, "group.id", group.c_str(), nullptr, 0);
        rd_kafka_conf_set(conf, "log_level", "0", nullptr, 0);
        rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
        rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
        constexpr int timeout_ms = 10'000;
        const auto code = rd_kafka_committed(client, list, timeout_ms);
        const std::int64_t offset = list->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_destroy(client);
        REQUIRE(code == RD_KAFKA_RESP_ERR_NO_ERROR);
        return offset < 0 ? -1 : offset;
    }

    rd_kafka_mock_cluster_t* mock = nullptr;

private:
    rd_kafka_t* handle_ = nullptr;
};

inline bool until(const std::function<bool()>& condition, int seconds = 30) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

// A producer that collects its reports.
class Sender {
public:
    Sender(Rig& rig, const std::string& topic, const std::string& config)
        : producer(make(rig, topic, config, this)) {
        if (auto opened = producer.open(); !opened) FAIL(opened.error().text);
    }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    std::vector<volley_report> reports() const {
        const std::lock_guard lock(mutex_);
        return reports_;
    }
    // Returns how many were accepted. `out` must stay valid until they are reported.
    std::uint32_t send(const Outgoing& out) {
        std::uint32_t accepted = 0;
        if (auto sent = producer.produce(out.records.data(), static_cast<std::uint32_t>(out.records.size()),
                                         accepted);
            !sent)
            FAIL(sent.error().text);
        return accepted;
    }
    // Sends so many records, waits for their reports, and returns only these.
    std::vector<volley_report> send_and_wait(std::size_t count) {
        const std::size_t before = reports().size();
        Outgoing out;
        for (std::size_t i = 0; i < count; ++i) out.add("body").key = out.keep("key");
        REQUIRE(send(out) == count);
        REQUIRE(until([&] { return reports().size() >= before + count; }));
        const std::vector<volley_report> all = reports();
        REQUIRE(all.size() == before + count);
        return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
    }

private:
    static plugins::Producer make(Rig& rig, const std::string& topic, const std::string& config,
                                  Sender* self) {
        auto made = plugins::Producer::create(rig.find(plugins::Kind::producer),
                                              {.queue = "out", .component = "test"}, config, topic, "/",
                                              &Sender::take, self);
        if (!made) FAIL(made.error().text);
        return std::move(*made);
    }
    static void take(void* self, const volley_report* reports, std::uint32_t count, std::uint32_t stride) {
        auto& sender = *static_cast<Sender*>(self);
        const std::lock_guard lock(sender.mutex_);
        for (std::uint32_t i = 0; i < count; ++i) sender.reports_.push_back(element(reports, stride, i));
    }
    mutable std::mutex mutex_;
    std::vector<volley_report> reports_;

public:
    plugins::Producer producer;  // last, so that it is destroyed before reports_
};

// A consumer that tracks its partitions as the engine does, and settles every message at once.
class Member {
public:
    Member(Rig& rig, const std::string& name, const std::string& config)
        : topic(name),
          consumer(make(rig, config)),
          log(static_cast<const volley_ext_log*>(consumer.extension(VOLLEY_EXT_LOG))) {
        events_.struct_size = sizeof events_;
        events_.context = this;
        events_.assigned = [](void* self, const volley_partition* p, std::uint32_t n, std::uint32_t stride) {
            for (std::uint32_t i = 0; i < n; ++i)
                static_cast<Member*>(self)->epochs[element(p, stride, i).partition] =
                    element(p, stride, i).epoch;
        };
        events_.revoked = [](void* self, const volley_partition* p, std::uint32_t n, std::uint32_t stride,
                             std::int32_t) {
            for (std::uint32_t i = 0; i < n; ++i)
                static_cast<Member*>(self)->epochs.erase(element(p, stride, i).partition);
        };
        static_cast<const volley_ext_partitions*>(consumer.extension(VOLLEY_EXT_PARTITIONS))
            ->listen(consumer.get(), &events_);
        if (auto opened = consumer.open(); !opened) FAIL(opened.error().text);
    }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    // Calls consume once. Returns how many messages were received.
    std::size_t serve() {
        Room room(100);
        if (auto result = consumer.consume(room.batch, 50); !result) {
            failure = result.error();
            return 0;
        }
        for (std::uint32_t i = 0; i < room.batch.count; ++i) came.push_back(room.messages[i].offset);
        settle(consumer, room.received(), VOLLEY_ACK);
        return room.batch.count;
    }
    std::int32_t commit(std::int32_t partition, std::uint32_t epoch, std::int64_t offset, bool wait) {
        volley_partition p{};
        p.source = view_of(topic);
        p.partition = partition;
        p.epoch = epoch;
        p.offset = offset;
        volley_error error{};
        error.struct_size = sizeof error;
        constexpr std::uint32_t timeout_ms = 15'000;
        return log->commit(consumer.get(), &p, 1, sizeof p, wait ? 1 : 0, timeout_ms, &error);
    }

    std::string topic;
    plugins::Consumer consumer;
    const volley_ext_log* log;
    std::map<std::int32_t, std::uint32_t> epochs;  // of the current assignment
    std::vector<std::int64_t> came;
    std::optional<Error> failure;

private:
    plugins::Consumer make(Rig& rig, const std::string& config) const {
        auto made = rig.create_consumer(topic, config);
        if (!made) FAIL(made.error().text);
        return std::move(*made);
    }
    volley_partition_events events_{};
};

}  // namespace volley::test

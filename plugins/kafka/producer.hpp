// The Kafka producer: idempotent by default, no copy of a body, reports gathered by a thread of its own.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "client.hpp"
#include "statistics.hpp"

namespace volley::kafka {

class KafkaProducer {
public:
    KafkaProducer(Context context, volley_report_fn report, void* report_context);
    ~KafkaProducer();
    KafkaProducer(const KafkaProducer&) = delete;
    KafkaProducer& operator=(const KafkaProducer&) = delete;

    void open();
    // Thread: any between open and close.
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    std::int32_t flush(std::uint32_t timeout_ms);
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

private:
    static void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* client);
    static void on_statistics(void* self, std::string_view json);
    void make_client();
    void serve();
    void hand_over_reports();
    void replace_if_fatal();
    bool send_plain(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                    std::uint32_t& accepted);
    rd_kafka_resp_err_t send(const volley_record& record);
    void refuse(const volley_record& record, rd_kafka_resp_err_t code);

    using Clock = std::chrono::steady_clock;

    Context context_;
    std::unique_ptr<Client> client_;  // of rk_; each has its own
    Properties properties_;
    Health health_;
    Metrics metrics_;
    volley_report_fn report_;
    void* report_context_;

    // Shared by producing threads; taken alone to replace a client that has failed for good.
    std::shared_mutex client_mutex_;
    rd_kafka_t* rk_ = nullptr;
    rd_kafka_topic_t* topic_ = nullptr;

    std::thread thread_;
    std::atomic<bool> ending_{false};
    Clock::time_point replaced_{};
    std::vector<volley_report> reports_;  // of the serving thread, between two polls
};

}  // namespace volley::kafka

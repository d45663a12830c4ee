// The Kafka producer: idempotent by default, and without copying bodies. Its own thread polls librdkafka for
// delivery reports. Records go through a queue (send_queue.hpp), which hands them over as pacing.hpp allows.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string_view>
#include <thread>

#include "delivery_reports.hpp"
#include "pacing.hpp"
#include "producer_instance.hpp"
#include "send_queue.hpp"
#include "statistics.hpp"

namespace volley::kafka {

class KafkaProducer {
public:
    KafkaProducer(Context context, volley_report_fn report, void* report_context);
    ~KafkaProducer();
    KafkaProducer(const KafkaProducer&) = delete;
    KafkaProducer& operator=(const KafkaProducer&) = delete;

    void open();
    // Thread: any between open and close, several at once.
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    std::int32_t flush(std::uint32_t timeout_ms);
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

private:
    using Clock = std::chrono::steady_clock;

    static void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* client);
    static void on_statistics(void* self, std::string_view json);
    std::unique_ptr<ProducerInstance> make_instance();
    void update_topic_health(rd_kafka_resp_err_t code);
    void apply_partitions();
    void hand_over();
    void send_reports();
    void run();
    void poll();
    void replace_if_fatal();
    void purge();
    void stop_polling();

    Context context_;
    Properties properties_;
    Health health_;
    Metrics metrics_;
    DeliveryReports reports_;
    SendQueue queue_;
    FlushSchedule schedule_;

    // Held shared to hand over records, and exclusively to replace an instance that has a fatal error.
    std::shared_mutex instance_mutex_;
    std::unique_ptr<ProducerInstance> instance_;  // null before open

    std::thread thread_;
    std::atomic<bool> is_stopping_{false};
    Clock::time_point next_replacement_{};  // not before
};

}  // namespace volley::kafka

// The Kafka producer: idempotent by default, no copy of a body, reports gathered by a thread of its own, and
// records handed to librdkafka in bursts (bursts.cpp).
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
    void end_serving();
    void hand_over_reports();
    void replace_if_fatal();
    void refuse(std::uint64_t token, rd_kafka_resp_err_t code);

    // What is sent of a record; the views are the engine's, valid until the report.
    struct Held {
        volley_view body;
        volley_view key;
        const volley_header* headers;
        std::uint32_t header_count;
        std::int32_t partition;
        std::int64_t timestamp_ms;
        std::uint64_t token;
    };

    // bursts.cpp
    void hand_over();
    bool send_burst();
    bool send_plain();
    bool is_few() const;
    bool has_room() const;
    rd_kafka_resp_err_t send(const Held& record);
    void count_in(std::size_t records, std::size_t bytes);
    void count_out(std::size_t records, std::size_t bytes);
    void count_reported();
    void poll_client();
    bool wait_for_records();
    void refuse_held(rd_kafka_resp_err_t code);

    using Clock = std::chrono::steady_clock;
    static constexpr int serve_ms = 100;  // between two looks of the serving thread, at the most

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

    // Of bursts.
    bool paced_;                   // false: linger.ms is the user's, and librdkafka alone makes the batches
    std::size_t most_open_;        // records that may be accepted and not reported
    std::size_t request_records_;  // what a request takes; it has one partition
    std::size_t request_bytes_;
    std::mutex held_mutex_;
    std::condition_variable handed_over_;
    std::vector<Held> held_;     // not yet of a burst
    bool handing_over_ = false;  // some thread does, and shares client_mutex_: it alone uses the next two
    std::vector<Held> burst_;
    std::size_t burst_sent_ = 0;               // of burst_
    std::atomic<std::size_t> open_{0};         // accepted, and not reported
    std::atomic<std::size_t> with_client_{0};  // of those: librdkafka has them
    std::atomic<std::size_t> with_client_bytes_{0};
    std::atomic<std::size_t> partitions_{1};     // of the topic, as last heard
    std::atomic<bool> partitions_known_{false};  // and it would be heard if there were more
    // Of the serving thread:
    int wait_ms_ = 1;
    bool quiet_ = false;  // the last look brought no report
    Clock::time_point flushed_{};

    std::thread thread_;
    std::atomic<bool> ending_{false};
    Clock::time_point replaced_{};
    std::vector<volley_report> reports_;  // of the serving thread, between two polls
    std::size_t reported_ = 0;            // of the serving thread: reported, and still in with_client_
    std::size_t reported_bytes_ = 0;
};

}  // namespace volley::kafka

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
#include "partition_queues.hpp"
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
    void meet_topic();
    void judge_topic(rd_kafka_resp_err_t code);
    void serve();
    void end_serving();
    void fit_queues();
    void hand_over_reports();
    void replace_if_fatal();
    void refuse(const Held& record, rd_kafka_resp_err_t code);

    // bursts.cpp
    void hand_over();
    void send_waiting();
    bool send_of(PartitionQueue& queue);
    bool send_plain(PartitionQueue& queue);
    bool pass(PartitionQueue& queue, rd_kafka_resp_err_t code);
    rd_kafka_resp_err_t send(const Held& record, std::int32_t partition);
    bool is_few() const;
    bool has_room(const PartitionQueue& queue) const;
    void count_in(PartitionQueue& queue, std::size_t records, std::size_t bytes);
    void count_out(PartitionQueue& queue, std::size_t records, std::size_t bytes);
    void note_produced(std::size_t records);
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
    std::condition_variable records_produced_;
    std::vector<Held> held_;     // accepted, and not among the queues
    bool handing_over_ = false;  // some thread does, sharing client_mutex_: it alone uses taken_ and queues_
    bool look_again_ = false;    // somebody came meanwhile
    std::vector<Held> taken_;
    PartitionQueues queues_;
    std::atomic<bool> is_full_{false};         // the last that handed over left what waits for a full request
    std::atomic<std::size_t> open_{0};         // accepted, and not reported
    std::atomic<std::size_t> with_client_{0};  // of those: librdkafka has them
    std::atomic<std::size_t> with_client_bytes_{0};
    std::atomic<std::uint64_t> produced_{0};      // librdkafka took them, ever
    std::atomic<bool> waits_for_records_{false};  // the serving thread does
    std::uint64_t reported_in_all_ = 0;           // Thread: serving
    std::atomic<std::size_t> partitions_{0};      // of the topic, as last heard; 0: unknown
    // Of the serving thread:
    int wait_ms_ = 1;
    bool quiet_ = false;  // the last look brought no report
    Clock::time_point flushed_{};

    std::thread thread_;
    std::atomic<bool> ending_{false};
    Clock::time_point replaced_{};
    std::vector<volley_report> reports_;  // of the serving thread, between two polls
    // Of the serving thread: reported in a row of one partition, and still counted as librdkafka's.
    std::int32_t reported_partition_ = -1;
    std::size_t reported_ = 0;
    std::size_t reported_bytes_ = 0;
};

}  // namespace volley::kafka

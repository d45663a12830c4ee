// Collects librdkafka's delivery reports and passes them to the engine.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstddef>
#include <vector>

#include "partition_queues.hpp"
#include "volley/abi.hpp"

namespace volley::kafka {

class DeliveryReports {
public:
    // `max_outstanding`: how many accepted records may be without a report at a time.
    DeliveryReports(volley_report_fn report, void* report_context, std::size_t max_outstanding)
        : report_(report), report_context_(report_context), max_outstanding_(max_outstanding) {}

    // Counts up to `count` records as accepted, and returns how many. Each must be reported exactly once.
    // Thread: one at a time.
    std::size_t accept(std::size_t count);
    // Thread: any.
    bool has_outstanding() const { return outstanding_.load() > 0; }

    // Collects the report of a message. Thread: polling.
    void add(const rd_kafka_message_t& message);
    // Thread: polling.
    bool is_empty() const { return reports_.empty(); }
    // Passes the collected reports to the engine. Thread: polling.
    void send();

    // Reports immediately that a record was not sent. Thread: any.
    void reject(const QueuedRecord& record, rd_kafka_resp_err_t code);

private:
    volley_report_fn report_;
    void* report_context_;
    std::size_t max_outstanding_;
    std::atomic<std::size_t> outstanding_{0};  // accepted, and not reported
    std::vector<volley_report> reports_;
};

}  // namespace volley::kafka

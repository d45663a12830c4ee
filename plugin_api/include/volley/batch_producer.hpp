// The SDK's producer of whole batches, whose confirmations may arrive later. Header-only, C++17. The structs
// are those of plugin.h; exceptions are handled as in a Producer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "volley/error.hpp"
#include "volley/plugin.h"
#include "volley/strided.hpp"

namespace volley {
inline namespace v1 {

// The records of one produce. The producer accepts records from the front.
class Records {
public:
    Records(Strided<const volley_record> records, std::uint32_t& accepted)
        : records_(records), accepted_(accepted) {}

    // The first record that is not accepted, or null.
    const volley_record* next() const { return accepted_ < records_.size() ? &records_[accepted_] : nullptr; }
    // Accepts the record: its views are valid until it is reported, and it must be reported exactly once.
    // Requires: next().
    void accept() { ++accepted_; }

private:
    Strided<const volley_record> records_;
    std::uint32_t& accepted_;
};

// Reports the result of a record to the engine. Any thread, also from inside the producer's methods.
class Reports {
public:
    void attach(volley_report_fn report, void* context) {  // called by the engine before open()
        report_ = report;
        context_ = context;
    }

    // The record is as durable as the store can make it. -1: unknown.
    void done(std::uint64_t token, std::int32_t partition = -1, std::int64_t offset = -1,
              std::string_view id = {}) const {
        volley_report report{};
        report.token = token;
        report.partition = partition;
        report.offset = offset;
        if (!id.empty()) report.id = view_of(id);
        report_(context_, &report, 1, sizeof report);
    }
    // retry and unknown: sent again. permanent, too_large, unsupported: the message fails permanently.
    // config, unauthorized and fenced end the component.
    void failed(std::uint64_t token, ErrorCode code, std::string_view why) const {
        volley_report report{};
        report.token = token;
        report.status = static_cast<std::int32_t>(code);
        report.partition = -1;
        report.offset = -1;
        report.text = view_of(why);
        report_(context_, &report, 1, sizeof report);
    }

private:
    volley_report_fn report_ = nullptr;
    void* context_ = nullptr;
};

class BatchProducer {
public:
    // The constructor checks the configuration and does no I/O: it runs twice.
    virtual ~BatchProducer() = default;
    virtual void open() {}
    // Accepts records in order, as many as there is room for: the engine offers the rest again. Accept a
    // record that can never be sent, and report it as failed. Does not wait for the store.
    virtual void produce(Records& records) = 0;
    // Optional: drives the client library; reports may be made from inside.
    virtual void poll(std::chrono::milliseconds /*timeout*/) {}
    // Optional: sends held-back records and waits for reports. Returns false if some are still due.
    virtual bool flush(std::chrono::milliseconds /*timeout*/) { return true; }
    // When it returns, every accepted record has been reported; abandoned ones with ErrorCode::unknown.
    virtual void close(std::chrono::milliseconds /*timeout*/) {}

    Reports& reports() { return reports_; }

private:
    Reports reports_;
};

}  // namespace v1
}  // namespace volley

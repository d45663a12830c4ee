// The SDK's producer of whole batches, whose confirmations may come later. Header-only, C++17. The structs
// are those of plugin.h; exceptions count as in a Producer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "volley/error.hpp"
#include "volley/plugin.h"
#include "volley/strided.hpp"

namespace volley {
inline namespace v1 {

// The records of one produce, of which a first part is accepted.
class Records {
public:
    Records(Strided<const volley_record> records, std::uint32_t& accepted)
        : records_(records), accepted_(accepted) {}

    // The first record that is not accepted, or null.
    const volley_record* next() const { return accepted_ < records_.size() ? &records_[accepted_] : nullptr; }
    // Accepts it: its views are valid until it is reported, and it is reported once. Requires: next().
    void accept() { ++accepted_; }

private:
    Strided<const volley_record> records_;
    std::uint32_t& accepted_;
};

// Tells the engine what became of a record. Any thread, also from inside the producer's methods.
class Reports {
public:
    void attach(volley_report_fn report, void* context) {  // the engine's, before open()
        report_ = report;
        context_ = context;
    }

    // Durable, as far as the store promises it. -1: unknown.
    void done(std::uint64_t token, std::int32_t partition = -1, std::int64_t offset = -1,
              std::string_view id = {}) const {
        volley_report report{};
        report.token = token;
        report.partition = partition;
        report.offset = offset;
        if (!id.empty()) report.id = view_of(id);
        report_(context_, &report, 1, sizeof report);
    }
    // retry and unknown: sent again. permanent, too_large, unsupported: the message fails for good. config,
    // unauthorized and fenced end the component.
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
    // Accepts records in order, as many as there is room for: the engine offers the rest again. A record that
    // can never be sent is accepted, and reported as failed. Does not wait for the store.
    virtual void produce(Records& records) = 0;
    // Optional: drives the client library; reports come from inside.
    virtual void poll(std::chrono::milliseconds /*timeout*/) {}
    // Optional: sends what is held back and waits for reports. Returns false if some are still due.
    virtual bool flush(std::chrono::milliseconds /*timeout*/) { return true; }
    // Afterwards every accepted record has been reported; those given up, with ErrorCode::unknown.
    virtual void close(std::chrono::milliseconds /*timeout*/) {}

    Reports& reports() { return reports_; }

private:
    Reports reports_;
};

}  // namespace v1
}  // namespace volley

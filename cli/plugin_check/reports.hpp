// The reports of a producer, counted. A record's bytes belong to the tool again once it is reported: they are
// overwritten at once, on the thread of the report. Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "plugin_check/message.hpp"

namespace volley::cli::plugin_check {

// A record and its bytes, which stay where they are until its report.
class OwnedRecord {
public:
    OwnedRecord(std::uint64_t token, const Content& content, std::string id, std::string queue);
    OwnedRecord(const OwnedRecord&) = delete;
    OwnedRecord& operator=(const OwnedRecord&) = delete;

    const volley_record& record() const { return record_; }
    void overwrite();

private:
    Content content_;
    std::string id_, queue_;
    std::vector<volley_header> headers_;
    volley_record record_{};
};

class Reports {
public:
    // Returns the record with a new token.
    const volley_record& add(const Content& content, const std::string& id, const std::string& queue);
    // The record is with the producer, which may report it; it was not accepted after all.
    void accepted(std::uint64_t token);
    void refused(std::uint64_t token);

    // Of accepted records: how many have no report.
    std::size_t due();
    // Returns whether a report came before the time was over.
    bool wait_for_one(std::size_t due_before, std::chrono::milliseconds timeout);
    // Of an accepted record; VOLLEY_PENDING: no report yet.
    std::int32_t status_of(std::uint64_t token);
    std::string text_of(std::uint64_t token);
    // Forgets the records whose reports have come. A second report of one of them counts as one without a
    // record.
    void forget();
    // From now on a report is a broken rule: "close has returned".
    void stop(const std::string& after);

    // Given to create, with `this`.
    static void take(void* context, const volley_report* reports, std::uint32_t count, std::uint32_t stride);

private:
    struct Entry {
        explicit Entry(std::uint64_t token, const Content& c, const std::string& id, const std::string& queue)
            : owned(token, c, id, queue) {}
        OwnedRecord owned;
        bool is_accepted = false;
        bool is_reported = false;
        std::int32_t status = VOLLEY_PENDING;
        std::string text;
    };
    void take_one(const volley_report& report);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, Entry> entries_;
    std::uint64_t next_ = 0x1000;
    std::string stopped_;
};

}  // namespace volley::cli::plugin_check

// FileProducer: one line per record. Reports the records that a sync has confirmed: before produce returns,
// or from poll with fsync: interval. Thread: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "append_log.hpp"
#include "config.hpp"

namespace volley::file {

class FileProducer {
public:
    FileProducer(const Context& context, volley_report_fn report, void* report_context);

    void open();
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void poll(std::uint32_t timeout_ms);
    void close(std::uint32_t timeout_ms);

private:
    using Clock = std::chrono::steady_clock;
    // A record whose lines are written and that waits for confirmation.
    struct Waiting {
        std::uint64_t token;
        std::uint64_t until;  // standard output: confirmed when this many bytes are written
    };

    // Writes records, beginning at `accepted`, and counts them.
    void write(const volley_record* records, std::uint32_t count, std::uint32_t stride,
               std::uint32_t& accepted);
    std::int32_t print(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                       std::uint32_t& accepted);
    void settle_written(const volley_record* records, std::uint32_t count, std::uint32_t stride);
    void sync_waiting();
    void report_printed();
    void tell(std::uint64_t token, std::int32_t status, std::string_view text);
    void report_waiting(std::int32_t status, std::string_view text);

    Context context_;
    FileConfig config_;
    volley_report_fn report_;
    void* report_context_;
    std::shared_ptr<AppendLog> log_;
    std::string lines_;
    std::vector<const char*> refusals_;  // of the records of a produce call; null: written
    std::vector<Waiting> waiting_;
    std::uint64_t losses_ = 0;  // of the log, when the first of them was written
    Clock::time_point synced_;
};

}  // namespace volley::file

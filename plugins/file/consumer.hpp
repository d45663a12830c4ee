// FileConsumer: a log. The offset of a message is the position of its last byte in everything ever read under
// the name, so offsets grow across rotations; the next line begins at the offset plus one. Thread: the
// owner's; interrupt: any.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "config.hpp"
#include "line_reader.hpp"
#include "position.hpp"
#include "tail.hpp"

namespace volley::file {

class FileConsumer {
public:
    explicit FileConsumer(Context context);

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void poll(std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // volley.log/1, volley.identity/1.
    void commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool wait);
    std::string_view identity() const { return identity_; }

    // volley.inspect/1.
    void stats(volley_stats& out);
    void peek(volley_batch& batch, std::uint64_t skip);
    void check();

private:
    using Clock = std::chrono::steady_clock;

    void start();
    void take(volley_batch& batch);
    void put(volley_batch& batch, const Line& line);
    // Reads more data. Returns whether there may be lines now.
    bool read_more();
    bool read_stream(Clock::time_point deadline);
    bool wait(Clock::time_point until);
    void look_if_due();

    Context context_;
    FileConfig config_;
    PositionFile position_file_;
    Tail tail_;
    LineReader reader_;
    std::optional<Source> stream_;  // instead of the tail: standard input
    std::string identity_;
    Descriptor woken_;         // an eventfd
    bool is_reading_ = false;  // this is not an inspection
    bool at_end_ = false;
    Clock::time_point looked_;
    Clock::time_point synced_;
    std::chrono::milliseconds pause_{1};
    std::optional<LineReader> shown_;  // the lines that peek lends
};

const void* inspect_table();

}  // namespace volley::file

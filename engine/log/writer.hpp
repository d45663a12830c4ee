// The only thread that writes to a descriptor, with a bounded queue. A reader that has stopped or a full disk
// never blocks a thread that logs. Lines for which the queue has no room, or that the descriptor refuses, are
// dropped and counted. One line reports the number as soon as the descriptor accepts lines again. Thread:
// any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace volley::log {

struct WriterOptions {
    std::size_t most_bytes = std::size_t{1} << 20;     // waiting, before lines are dropped
    std::size_t reserve_bytes = std::size_t{1} << 16;  // in addition, for urgent lines
    // Returns the line that reports that `count` lines were dropped.
    std::function<std::string(std::uint64_t count)> notice;
};

class Writer {
public:
    // Does not own `fd`. The first line starts the thread.
    Writer(int fd, WriterOptions options);
    // Does not wait for lines that are not written; call flush() first.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // Never blocks. `text` ends with a newline; several lines in one text stay together. Lines that may be
    // the last ones of the process are `urgent`: they have a reserve in the queue.
    void put(std::string text, bool urgent = false);
    // For a terminal: keeps this text in the last line, below all others; empty: takes it away. Has no
    // newline, and fits into a line of the terminal. Never blocks.
    void set_last_line(std::string text);
    // Waits until all lines are written or dropped, for at most `patience`. Returns whether they are.
    bool flush(std::chrono::milliseconds patience);
    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

private:
    using Deadline = std::optional<std::chrono::steady_clock::time_point>;

    bool start_thread();
    void run();
    void write_waiting(std::unique_lock<std::mutex>& lock, const Deadline& deadline);
    bool write_line(const std::string& line, const Deadline& deadline);
    bool write_bytes(const char* bytes, std::size_t size, const Deadline& deadline);
    bool wait_for_room(const Deadline& deadline) const;
    void tell_of_dropped(const Deadline& deadline);
    void erase_last_line(const Deadline& deadline);
    void show_last_line(const std::string& text, const Deadline& deadline);
    bool has_work() const { return !queue_.empty() || overflowed_ > 0 || last_line_changed_; }
    void count_dropped(std::uint64_t count);

    const int fd_;
    const int stop_event_;
    const WriterOptions options_;

    std::mutex mutex_;
    std::condition_variable given_;
    std::condition_variable written_;
    std::deque<std::string> queue_;
    std::size_t waiting_bytes_ = 0;  // in the queue, and being written
    std::uint64_t overflowed_ = 0;   // lines without room since the queue was last taken
    std::string last_line_;
    bool last_line_changed_ = false;
    bool writing_ = false;
    bool stopping_ = false;
    std::thread thread_;

    // Used only by the thread that has set writing_.
    std::uint64_t untold_ = 0;  // dropped, and not reported yet
    bool torn_ = false;         // the last line was cut
    bool last_line_shown_ = false;

    std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace volley::log

// The one thread that writes to a descriptor, behind a bounded queue: a reader that went away or a disk that
// is full never holds up whoever logs. Lines that find no room, or that the descriptor refuses, are dropped
// and counted; one line says how many as soon as the descriptor takes lines again. Thread: any.
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
    std::size_t most_bytes = std::size_t{1} << 20;     // that wait, before lines are dropped
    std::size_t reserve_bytes = std::size_t{1} << 16;  // beyond these, for urgent lines
    // Returns the line that says that `count` lines were dropped.
    std::function<std::string(std::uint64_t count)> notice;
};

class Writer {
public:
    // Does not own `fd`. The thread starts with the first line.
    Writer(int fd, WriterOptions options);
    // Does not wait for what is not written yet: flush() does.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // Never blocks. `text` ends with a newline; several lines in one text stay together. `urgent` is for what
    // may be the last line of the process: it has room where other lines are dropped.
    void put(std::string text, bool urgent = false);
    // Waits until all that was put is written or dropped, at most `patience`. Returns whether it is.
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
    void count_dropped(std::uint64_t count);

    const int fd_;
    const int stop_event_;
    const WriterOptions options_;

    std::mutex mutex_;
    std::condition_variable given_;
    std::condition_variable written_;
    std::deque<std::string> queue_;
    std::size_t waiting_bytes_ = 0;  // in the queue, and in what is being written
    std::uint64_t overflowed_ = 0;   // lines without room since the queue was last taken
    bool writing_ = false;
    bool stopping_ = false;
    std::thread thread_;

    // Used only by whoever has set writing_.
    std::uint64_t untold_ = 0;  // dropped, and no line has said so yet
    bool torn_ = false;         // the last line was cut off in its middle

    std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace volley::log

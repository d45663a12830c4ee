// Lets the polling thread sleep while librdkafka has no records.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace volley::kafka {

class RecordSignal {
public:
    // Records were produced. Must be called after librdkafka has them: a thread that wakes up earlier
    // preempts the producing thread, finds nothing to flush, and polls without effect. Thread: any.
    void add_produced(std::size_t records) {
        produced_.fetch_add(records);
        if (!is_waiting_.load()) return;
        { const std::lock_guard lock(mutex_); }  // not between the check of wait() and its sleep
        condition_.notify_one();
    }

    // A record was reported. Thread: polling.
    void add_reported() { ++reported_; }

    // Thread: polling.
    bool has_unreported() const { return produced_.load() > reported_; }

    // Waits until has_unreported() and returns true, or returns false at the timeout. Thread: polling.
    bool wait(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        is_waiting_.store(true);
        const bool found = condition_.wait_for(lock, timeout, [this] { return has_unreported(); });
        is_waiting_.store(false);
        return found;
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    std::atomic<bool> is_waiting_{false};
    std::atomic<std::uint64_t> produced_{0};  // ever
    std::uint64_t reported_ = 0;              // ever
};

}  // namespace volley::kafka

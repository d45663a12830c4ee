// The pauses of a consumer that finds its store empty. Header-only, C++17.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace volley {
inline namespace v1 {
namespace detail {

// Pauses grow from 1 to 100 ms until start_over(). interrupt() may be called by any thread, the rest by one.
class Pauses {
public:
    using Clock = std::chrono::steady_clock;

    void start_over() { pause_ = shortest; }

    // Returns false at the deadline or after an interrupt.
    bool wait(Clock::time_point deadline) {
        std::unique_lock<std::mutex> lock(mutex_);
        const auto until = std::min(deadline, Clock::now() + pause_);
        const bool interrupted = woken_.wait_until(lock, until, [this] { return interrupted_; });
        interrupted_ = false;
        pause_ = std::min(pause_ * 2, longest);
        return !interrupted && Clock::now() < deadline;
    }

    // Ends the wait, or the next one.
    void interrupt() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            interrupted_ = true;
        }
        woken_.notify_one();
    }

private:
    static constexpr std::chrono::milliseconds shortest{1};
    static constexpr std::chrono::milliseconds longest{100};
    std::chrono::milliseconds pause_{shortest};
    std::mutex mutex_;
    std::condition_variable woken_;
    bool interrupted_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace volley

// How long a request may take: a time of its own, and the end of the engine, which may come nearer meanwhile.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace volley::tracing {

using Clock = std::chrono::steady_clock;

// The moment at which everything must have ended. Any thread may set it, once. It counts in real time also
// where the runtime's clock is replaced.
class StopBy {
public:
    void set(Clock::time_point moment) {
        ns_.store(moment.time_since_epoch().count(), std::memory_order_release);
    }
    bool is_set() const { return ns_.load(std::memory_order_acquire) != never; }
    Clock::time_point moment() const {
        return Clock::time_point(Clock::duration(ns_.load(std::memory_order_acquire)));
    }

private:
    static constexpr std::int64_t never = INT64_MAX;
    std::atomic<std::int64_t> ns_{never};
};

struct Deadline {
    Clock::time_point own;
    const StopBy* stop_by;

    std::chrono::milliseconds left() const {
        const Clock::time_point end = std::min(own, stop_by->moment());
        return std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    }
    bool has_passed() const { return left() <= std::chrono::milliseconds(0); }
    // How long to wait before looking again.
    int slice_ms() const {
        constexpr std::chrono::milliseconds longest{100};
        return static_cast<int>(std::clamp(left(), std::chrono::milliseconds(0), longest).count());
    }
};

}  // namespace volley::tracing

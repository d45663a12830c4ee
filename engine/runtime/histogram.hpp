// Counts durations by bucket, without a lock. Any thread may add and read.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/snapshot.hpp"

namespace volley::runtime {

class DurationCounts {
public:
    // Adds `count` durations of `each`. Thread: any.
    void add(std::chrono::nanoseconds each, std::uint64_t count) {
        const double seconds = std::chrono::duration<double>(each).count();
        std::size_t bucket = 0;
        while (bucket < duration_bounds.size() && seconds > duration_bounds[bucket]) ++bucket;
        counts_[bucket].fetch_add(count, std::memory_order_relaxed);
        sum_ns_.fetch_add(static_cast<std::uint64_t>(each.count()) * count, std::memory_order_relaxed);
    }
    Histogram read() const {
        Histogram out;
        for (std::size_t i = 0; i < counts_.size(); ++i)
            out.counts[i] = counts_[i].load(std::memory_order_relaxed);
        out.sum_seconds = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9;
        return out;
    }

private:
    std::array<std::atomic<std::uint64_t>, duration_bounds.size() + 1> counts_{};
    std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace volley::runtime

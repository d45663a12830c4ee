// Counts how long messages took from their store's timestamp to their ack, by bucket. One thread adds; any
// reads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/snapshot.hpp"

namespace volley::runtime {

class AckLatency {
public:
    // A message that the store dates `stored_ms` was acked at `now_ms`; both Unix time. One without a date is
    // not counted. If the clocks differ, a message can be acked before its date: that counts as 0.
    void add(std::int64_t stored_ms, std::int64_t now_ms) {
        if (stored_ms <= 0) return;
        const std::int64_t took = std::max<std::int64_t>(now_ms - stored_ms, 0);
        // The messages of a batch usually took equally long.
        if (took != last_ms_) {
            last_ms_ = took;
            last_bucket_ = latency_bucket(static_cast<double>(took) / 1000);
        }
        increase(counts_[last_bucket_], 1);
        increase(sum_ms_, static_cast<std::uint64_t>(took));
    }
    // Thread: any.
    LatencyCounts read() const {
        LatencyCounts out;
        for (std::size_t i = 0; i < counts_.size(); ++i)
            out.counts[i] = counts_[i].load(std::memory_order_relaxed);
        out.sum_seconds = static_cast<double>(sum_ms_.load(std::memory_order_relaxed)) / 1000;
        return out;
    }

private:
    using Counter = std::atomic<std::uint64_t>;
    // Cheaper than fetch_add: no other thread writes.
    static void increase(Counter& counter, std::uint64_t by) {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    std::array<Counter, latency_bounds.size() + 1> counts_{};
    Counter sum_ms_{0};
    std::int64_t last_ms_ = 0;
    std::size_t last_bucket_ = 0;
};

}  // namespace volley::runtime

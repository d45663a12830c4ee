// The bounded queue between the threads that end spans and the thread that exports them. Whoever adds a span
// never waits: what does not fit is dropped and counted. Thread: any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "tracing/span.hpp"

namespace volley::tracing {

class SpanQueue {
public:
    // `batch`: with so many spans in the queue take() does not wait any more. Both are at least 1.
    SpanQueue(std::size_t capacity, std::size_t batch) : capacity_(capacity), batch_(batch) {}

    // Whether a span has a chance. Without a lock, so that nobody builds a span only to see it dropped.
    bool has_room() const { return size_.load(std::memory_order_relaxed) < capacity_; }
    void count_dropped(std::uint64_t spans) { dropped_.fetch_add(spans, std::memory_order_relaxed); }
    // Takes the spans, and leaves the vector empty.
    void add(std::vector<Span>& spans);

    // Waits until there is a batch, `delay` has passed or close() was called. Returns up to one batch in
    // `out`, the oldest first.
    void take(std::chrono::milliseconds delay, std::vector<Span>& out);
    // take() waits no longer.
    void close();

    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

private:
    const std::size_t capacity_;
    const std::size_t batch_;
    std::atomic<std::size_t> size_{0};
    std::atomic<std::uint64_t> dropped_{0};
    std::mutex mutex_;
    std::condition_variable filled_;
    bool is_closed_ = false;
    std::vector<Span> spans_;  // a ring of `capacity_` at most, from first_ on
    std::size_t first_ = 0;
};

}  // namespace volley::tracing

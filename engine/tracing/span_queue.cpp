#include "tracing/span_queue.hpp"

#include <algorithm>
#include <utility>

namespace volley::tracing {

void SpanQueue::add(std::vector<Span>& spans) {
    if (spans.empty()) return;
    std::size_t taken;
    bool is_batch;
    {
        const std::lock_guard lock(mutex_);
        const std::size_t size = size_.load(std::memory_order_relaxed);
        taken = std::min(spans.size(), capacity_ - size);
        for (std::size_t i = 0; i < taken; ++i) {
            const std::size_t place = (first_ + size + i) % capacity_;
            if (place < spans_.size())
                spans_[place] = std::move(spans[i]);
            else
                spans_.push_back(std::move(spans[i]));
        }
        size_.store(size + taken, std::memory_order_relaxed);
        is_batch = size < batch_ && size + taken >= batch_;
    }
    if (is_batch) filled_.notify_one();
    if (taken < spans.size()) count_dropped(spans.size() - taken);
    spans.clear();
}

void SpanQueue::take(std::chrono::milliseconds delay, std::vector<Span>& out) {
    out.clear();
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, delay,
                     [this] { return is_closed_ || size_.load(std::memory_order_relaxed) >= batch_; });
    const std::size_t size = size_.load(std::memory_order_relaxed);
    const std::size_t taken = std::min(size, batch_);
    out.reserve(taken);
    for (std::size_t i = 0; i < taken; ++i) out.push_back(std::move(spans_[(first_ + i) % capacity_]));
    first_ = (first_ + taken) % capacity_;
    size_.store(size - taken, std::memory_order_relaxed);
}

void SpanQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
    }
    filled_.notify_all();
}

}  // namespace volley::tracing

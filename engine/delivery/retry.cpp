#include "delivery/retry.hpp"

#include <algorithm>

namespace volley::delivery {

namespace {

bool later(const Timers::Timer& a, const Timers::Timer& b) { return a.due > b.due; }

}  // namespace

Millis Backoff::delay(std::uint32_t tries) {
    const std::uint32_t doublings = std::min(tries - 1, 30U);
    const auto ceiling = std::min<std::int64_t>(initial_.count() << doublings, max_.count());
    if (state_ == 0) return Millis(std::max<std::int64_t>(ceiling, 1));  // no jitter, for tests
    // splitmix64 (Steele, Lea, Flood 2014): small, seeded, and good enough to spread retries.
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t x = state_;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    x ^= x >> 31U;
    const auto range = static_cast<std::uint64_t>(std::max<std::int64_t>(ceiling, 1));
    return Millis(1 + static_cast<std::int64_t>(x % range));
}

void Timers::add(Timer timer) {
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), later);
}

Timers::Timer Timers::pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Timer timer = heap_.back();
    heap_.pop_back();
    return timer;
}

}  // namespace volley::delivery

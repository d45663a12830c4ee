#include "runtime/handler_health.hpp"

#include <utility>

namespace volley::runtime {

void HandlerHealth::made() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(is_first_, false)) restarts_.fetch_add(1, std::memory_order_relaxed);
    problem_.clear();
    has_problem_.store(false, std::memory_order_relaxed);
}

void HandlerHealth::failed(std::string why) {
    const std::lock_guard lock(mutex_);
    problem_ = std::move(why);
    has_problem_.store(true, std::memory_order_relaxed);
}

void HandlerHealth::set_down(std::string why) {
    const std::lock_guard lock(mutex_);
    down_ = std::move(why);
    is_down_.store(!down_.empty(), std::memory_order_release);
}

void HandlerHealth::replaced(bool planned) {
    restarts_.fetch_add(1, std::memory_order_relaxed);
    if (planned) recycled_.fetch_add(1, std::memory_order_relaxed);
}

std::string HandlerHealth::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

std::string HandlerHealth::outage() const {
    if (is_down_.load(std::memory_order_acquire)) {
        const std::lock_guard lock(mutex_);
        return down_;
    }
    return waits_.load(std::memory_order_relaxed) ? problem() : std::string();
}

}  // namespace volley::runtime

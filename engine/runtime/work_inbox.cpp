#include "runtime/work_inbox.hpp"

#include <utility>

namespace volley::runtime {

using delivery::WorkItem;

void WorkInbox::give(std::vector<WorkItem>& batch) {
    {
        const std::lock_guard lock(mutex_);
        batches_.push_back(std::move(batch));
        batch.clear();
        if (!spare_.empty()) {
            batch = std::move(spare_.back());
            spare_.pop_back();
        }
        if (is_polling_) return interrupt_();
    }
    changed_.notify_one();
}

void WorkInbox::finish(delivery::Millis close_timeout) {
    {
        const std::lock_guard lock(mutex_);
        is_finishing_ = true;
        close_timeout_ = close_timeout;
        if (is_polling_) return interrupt_();
    }
    changed_.notify_one();
}

void WorkInbox::wake() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(is_woken_, true)) return;
        if (is_polling_) return interrupt_();
    }
    changed_.notify_one();
}

// Requires: the lock.
void WorkInbox::recycle(std::vector<WorkItem>& batch) {
    batch.clear();
    spare_.push_back(std::move(batch));
}

bool WorkInbox::take(std::vector<WorkItem>& batch) {
    std::unique_lock lock(mutex_);
    if (batch.capacity() > 0) recycle(batch);
    changed_.wait(lock, [this] { return !batches_.empty() || is_finishing_; });
    if (batches_.empty()) return false;
    batch = std::move(batches_.front());
    batches_.pop_front();
    return true;
}

bool WorkInbox::take_all(Batches& batches) {
    const std::lock_guard lock(mutex_);
    for (auto& batch : batches) recycle(batch);
    batches.clear();
    batches.swap(batches_);
    is_woken_ = false;
    return is_finishing_;
}

void WorkInbox::wait(bool is_idle, Nanoseconds deadline) {
    std::unique_lock lock(mutex_);
    const auto is_over = [this, is_idle] { return has_come(is_idle); };
    if (deadline == Nanoseconds::max()) return changed_.wait(lock, is_over);
    changed_.wait_until(lock, deadline, is_over);
}

bool WorkInbox::begin_poll() {
    const std::lock_guard lock(mutex_);
    if (has_come(false)) return false;
    is_polling_ = true;
    return true;
}

void WorkInbox::end_poll() {
    const std::lock_guard lock(mutex_);
    is_polling_ = false;
}

}  // namespace volley::runtime

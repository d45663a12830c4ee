#include "inbox.hpp"

#include <algorithm>

namespace volley::http {

bool Inbox::put(std::shared_ptr<Exchange> exchange) {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= capacity_) return false;
    queue_.push_back(std::move(exchange));
    changed_.notify_one();
    return true;
}

bool Inbox::has_room() {
    const std::lock_guard lock(mutex_);
    return queue_.size() < capacity_;
}

bool Inbox::take_back(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(queue_.begin(), queue_.end(), [number](const auto& e) { return e->number == number; });
    if (found == queue_.end()) return false;
    queue_.erase(found);
    return true;
}

std::vector<NumberedAnswer> Inbox::take_answers() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
}

std::vector<std::shared_ptr<Exchange>> Inbox::take(std::size_t most, std::uint64_t most_bytes,
                                                   Clock::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [this] { return interrupted_ || !queue_.empty(); });
    interrupted_ = false;
    std::vector<std::shared_ptr<Exchange>> out;
    std::uint64_t bytes = 0;
    while (!queue_.empty() && out.size() < most && (most_bytes == 0 || bytes < most_bytes)) {
        bytes += queue_.front()->request.body.size();
        out.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    return out;
}

void Inbox::wait(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [this] { return interrupted_; });
    interrupted_ = false;
}

void Inbox::interrupt() {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    changed_.notify_all();
}

void Inbox::answer(std::uint64_t number, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_.push_back({number, std::move(answer)});
}

std::size_t Inbox::size() {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

}  // namespace volley::http

#include "runtime/schedule.hpp"

#include <pthread.h>

#include <random>

#include "runtime/sigpipe.hpp"

namespace volley::runtime {

std::int64_t unix_ms() {
    if (detail::schedule != nullptr) return detail::schedule->unix_ms(detail::schedule->context);
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::uint64_t entropy() {
    if (detail::schedule != nullptr) return detail::schedule->entropy(detail::schedule->context);
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

void sleep_for(delivery::Millis time) {
    if (detail::schedule == nullptr) return std::this_thread::sleep_for(time);
    std::mutex mutex;
    std::unique_lock lock(mutex);
    const Nanoseconds until = monotonic() + time;
    while (monotonic() < until) detail::schedule->wait(detail::schedule->context, &mutex, lock, until);
}

void Thread::start(const std::string& name, std::function<void()> body) {
    if (detail::schedule != nullptr) {
        number_ = detail::schedule->start(detail::schedule->context, name, std::move(body));
        return;
    }
    thread_ = std::thread([name, body = std::move(body)] {
        block_sigpipe();
        pthread_setname_np(pthread_self(), name.c_str());
        body();
    });
}

void Thread::join() {
    if (number_ == 0) return thread_.join();
    detail::schedule->join(detail::schedule->context, number_);
    number_ = 0;
}

void Thread::detach() {
    if (number_ == 0) return thread_.detach();
    number_ = 0;
}

void Condition::wait_once(std::unique_lock<std::mutex>& lock) {
    if (detail::schedule != nullptr)
        return detail::schedule->wait(detail::schedule->context, this, lock, Nanoseconds::max());
    variable_.wait(lock);
}

bool Condition::wait_once(std::unique_lock<std::mutex>& lock, Nanoseconds deadline) {
    if (detail::schedule == nullptr) {
        const std::chrono::steady_clock::time_point at(deadline);
        return variable_.wait_until(lock, at) == std::cv_status::no_timeout;
    }
    if (monotonic() >= deadline) return false;
    detail::schedule->wait(detail::schedule->context, this, lock, deadline);
    return true;
}

void CallMutex::lock() {
    if (detail::schedule == nullptr) return mutex_.lock();
    std::unique_lock lock(mutex_);
    while (is_held_) detail::schedule->wait(detail::schedule->context, this, lock, Nanoseconds::max());
    is_held_ = true;
}

bool CallMutex::try_lock() {
    if (detail::schedule == nullptr) return mutex_.try_lock();
    const std::lock_guard lock(mutex_);
    if (is_held_) return false;
    is_held_ = true;
    return true;
}

void CallMutex::unlock() {
    if (detail::schedule == nullptr) return mutex_.unlock();
    {
        const std::lock_guard lock(mutex_);
        is_held_ = false;
    }
    detail::schedule->notify(detail::schedule->context, this);
}

}  // namespace volley::runtime

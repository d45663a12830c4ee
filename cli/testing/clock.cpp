#include "testing/clock.hpp"

#include <pthread.h>

#include <algorithm>

#include "runtime/sigpipe.hpp"

namespace volley::cli::testing {

using runtime::Nanoseconds;

namespace {

constexpr Nanoseconds begin = std::chrono::hours(1);       // 0 means "none" in places
constexpr std::int64_t begin_unix_ms = 1'767'225'600'000;  // 2026-01-01T00:00:00Z

thread_local bool is_own_thread = false;

Clock& clock_of(void* context) { return *static_cast<Clock*>(context); }

}  // namespace

Clock::Clock() : now_(begin) {
    schedule_.context = this;
    schedule_.monotonic = [](void* c) {
        const std::lock_guard lock(clock_of(c).mutex_);
        return clock_of(c).now_;
    };
    schedule_.unix_ms = [](void* c) { return begin_unix_ms + clock_of(c).elapsed().count(); };
    // Seed 0: retries have no jitter.
    schedule_.entropy = [](void*) { return std::uint64_t{0}; };
    schedule_.start = [](void* c, const std::string& name, std::function<void()> body) {
        return clock_of(c).start(name, std::move(body));
    };
    schedule_.join = [](void* c, std::uint64_t number) { clock_of(c).join(number); };
    schedule_.wait = [](void* c, const void* place, Lock& lock, Nanoseconds deadline) {
        clock_of(c).wait(place, lock, deadline);
    };
    schedule_.notify = [](void* c, const void* place) { clock_of(c).notify(place); };
    schedule_.yield = [](void*) {};
}

delivery::Millis Clock::elapsed() const {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration_cast<delivery::Millis>(now_ - begin);
}

void Clock::hold() {
    const std::lock_guard lock(mutex_);
    ++holds_;
}

void Clock::let_go() {
    const std::lock_guard lock(mutex_);
    if (--holds_ == 0) jump_if_all_wait();
}

std::uint64_t Clock::start(const std::string& name, std::function<void()> body) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = ++last_number_;
    Thread& thread = threads_[number];
    ++running_;
    try {
        thread.thread = std::thread([this, number, name, body = std::move(body)] {
            is_own_thread = true;
            runtime::block_sigpipe();
            pthread_setname_np(pthread_self(), name.c_str());
            body();
            const std::lock_guard ending(mutex_);
            Thread& self = threads_[number];
            self.has_ended = true;
            --running_;
            for (Waiter& waiter : waiters_)
                if (waiter.place == &self) wake(waiter);
            jump_if_all_wait();
        });
    } catch (...) {
        --running_;
        threads_.erase(number);
        throw;
    }
    return number;
}

void Clock::join(std::uint64_t number) {
    std::thread ended;
    {
        Lock lock(mutex_);
        Thread& thread = threads_[number];
        while (!thread.has_ended) wait_locked(&thread, lock, Nanoseconds::max());
        ended = std::move(thread.thread);
        threads_.erase(number);
    }
    ended.join();
}

// The waiter is known before `lock` is released, so that no notification is lost.
void Clock::wait(const void* place, Lock& lock, Nanoseconds deadline) {
    {
        Lock own(mutex_);
        lock.unlock();
        wait_locked(place, own, deadline);
    }
    lock.lock();
}

void Clock::wait_locked(const void* place, Lock& lock, Nanoseconds deadline) {
    if (now_ >= deadline) return;
    const auto waiter = waiters_.emplace(waiters_.end());
    waiter->place = place;
    waiter->deadline = deadline;
    waiter->is_own = is_own_thread;
    if (waiter->is_own) --running_;
    jump_if_all_wait();
    waiter->condition.wait(lock, [&] { return waiter->is_woken; });
    waiters_.erase(waiter);
}

void Clock::notify(const void* place) {
    const std::lock_guard lock(mutex_);
    for (Waiter& waiter : waiters_)
        if (waiter.place == place) wake(waiter);
}

// It counts as running from now on, so that time does not pass before it does.
void Clock::wake(Waiter& waiter) {
    if (waiter.is_woken) return;
    waiter.is_woken = true;
    if (waiter.is_own) ++running_;
    waiter.condition.notify_one();
}

// Threads that the clock has not started, like the one that watches over the engine, do not decide when time
// passes as long as there are others: their deadlines are many.
void Clock::jump_if_all_wait() {
    if (running_ > 0 || holds_ > 0) return;
    const bool is_any_own = std::any_of(threads_.begin(), threads_.end(),
                                        [](const auto& thread) { return !thread.second.has_ended; });
    Nanoseconds next = Nanoseconds::max();
    for (const Waiter& waiter : waiters_)
        if (!waiter.is_woken && (waiter.is_own || !is_any_own)) next = std::min(next, waiter.deadline);
    if (next == Nanoseconds::max()) return;
    now_ = std::max(now_, next);
    for (Waiter& waiter : waiters_)
        if (waiter.deadline <= now_) wake(waiter);
}

}  // namespace volley::cli::testing

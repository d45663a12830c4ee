// Time, threads and waiting: the only place where the runtime takes them from the system. The simulator and
// `volley test` replace them (use_schedule). In the simulator, threads are fibers that run one at a time in
// an order that a seed determines. In both, time passes only when they advance it. Everything in
// engine/runtime and in Engine that waits or starts threads uses these functions. Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "delivery/types.hpp"

namespace volley::runtime {

using Nanoseconds = std::chrono::nanoseconds;

// A replacement for the system. All functions are required. Threads are numbered from 1.
struct Schedule {
    void* context;
    Nanoseconds (*monotonic)(void* context);
    std::int64_t (*unix_ms)(void* context);
    std::uint64_t (*entropy)(void* context);
    std::uint64_t (*start)(void* context, const std::string& name, std::function<void()> body);
    void (*join)(void* context, std::uint64_t thread);
    // Unlocks `lock` while it waits for notify(place), or until `deadline`. May return early.
    void (*wait)(void* context, const void* place, std::unique_lock<std::mutex>& lock, Nanoseconds deadline);
    void (*notify)(void* context, const void* place);
    // Lets other threads run, as a system may do at any time.
    void (*yield)(void* context);
};

namespace detail {
inline const Schedule* schedule = nullptr;  // null: use the system
}

// Call it before any thread starts, and again with null after all have ended. Borrows `schedule`.
inline void use_schedule(const Schedule* schedule) { detail::schedule = schedule; }

// Monotonic time, which timers and the core use.
inline Nanoseconds monotonic() {
    if (detail::schedule != nullptr) return detail::schedule->monotonic(detail::schedule->context);
    return std::chrono::steady_clock::now().time_since_epoch();
}
inline delivery::Instant now() { return std::chrono::duration_cast<delivery::Instant>(monotonic()); }

// Unix time in ms. Only for people and headers, never for a decision.
std::int64_t unix_ms();

// Returns an unpredictable number, for jitter and for ids that are valid only within one process.
std::uint64_t entropy();

// Lets the simulator run other threads. Call it without holding a lock.
inline void yield_point() {
    if (detail::schedule != nullptr) detail::schedule->yield(detail::schedule->context);
}

void sleep_for(delivery::Millis time);

class Thread {
public:
    Thread() = default;
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    // Requires: !joinable().
    ~Thread() = default;

    // Runs `body` in a thread with this name (at most 15 bytes) and with SIGPIPE blocked. Throws
    // std::system_error if the system cannot start a thread. Requires: !joinable().
    void start(const std::string& name, std::function<void()> body);
    bool joinable() const { return number_ != 0 || thread_.joinable(); }
    void join();
    // Detaches the thread; for a process that is about to exit.
    void detach();

private:
    std::thread thread_;
    std::uint64_t number_ = 0;  // with a Schedule
};

// A condition variable.
class Condition {
public:
    void notify_all() {
        if (detail::schedule != nullptr) return detail::schedule->notify(detail::schedule->context, this);
        variable_.notify_all();
    }
    void notify_one() {
        if (detail::schedule != nullptr) return detail::schedule->notify(detail::schedule->context, this);
        variable_.notify_one();
    }
    template <typename Predicate>
    void wait(std::unique_lock<std::mutex>& lock, Predicate&& is_met) {
        while (!is_met()) wait_once(lock);
    }
    // Returns whether the predicate holds.
    template <typename Predicate>
    bool wait_until(std::unique_lock<std::mutex>& lock, Nanoseconds deadline, Predicate&& is_met) {
        while (!is_met()) {
            if (!wait_once(lock, deadline)) return is_met();
        }
        return true;
    }
    template <typename Predicate>
    bool wait_for(std::unique_lock<std::mutex>& lock, Nanoseconds time, Predicate&& is_met) {
        return wait_until(lock, monotonic() + time, is_met);
    }
    // Waits once, at most until `deadline`. Returns false if the deadline has passed.
    bool wait_once(std::unique_lock<std::mutex>& lock, Nanoseconds deadline);

private:
    void wait_once(std::unique_lock<std::mutex>& lock);

    std::condition_variable variable_;
};

// A mutex that is held during a call of a connector or a handler, while other threads run. A lock that is
// held only for a moment is a std::mutex.
class CallMutex {
public:
    void lock();
    bool try_lock();
    void unlock();

private:
    std::mutex mutex_;
    bool is_held_ = false;  // with a Schedule; guarded by mutex_
};

}  // namespace volley::runtime

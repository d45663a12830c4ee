// Time, threads and waiting: the one place where the runtime takes them from the system. The simulator puts
// virtual ones in their place (use_schedule): then threads are fibers, which take turns in an order that a
// seed chooses, and time passes only when it says so. What waits or starts threads in engine/runtime and in
// Engine goes through here. Thread: any.
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

// What takes the system's place. All functions are required. A thread is named by a number, 1 or above.
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
    // Other threads may run here, as they may at any time in a system.
    void (*yield)(void* context);
};

namespace detail {
inline const Schedule* schedule = nullptr;  // null: the system's
}

// Before anything is started, and again (null) after all has ended. Borrows `schedule`.
inline void use_schedule(const Schedule* schedule) { detail::schedule = schedule; }

// Monotonic: what timers and the core use.
inline Nanoseconds monotonic() {
    if (detail::schedule != nullptr) return detail::schedule->monotonic(detail::schedule->context);
    return std::chrono::steady_clock::now().time_since_epoch();
}
inline delivery::Instant now() { return std::chrono::duration_cast<delivery::Instant>(monotonic()); }

// Unix time in ms: only for people and headers, never for a decision.
std::int64_t unix_ms();

// A number that nobody can foresee, for jitter and for ids that hold for one process.
std::uint64_t entropy();

// A place where the simulator lets other threads run. Call it without a lock.
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

    // Runs `body` in a thread of this name (at most 15 bytes), with SIGPIPE blocked. Throws
    // std::system_error if the system has no thread. Requires: !joinable().
    void start(const std::string& name, std::function<void()> body);
    bool joinable() const { return number_ != 0 || thread_.joinable(); }
    void join();
    // Lets go of it; the process is about to exit.
    void detach();

private:
    std::thread thread_;
    std::uint64_t number_ = 0;  // in the simulator
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
    // Returns whether it is met.
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
    // Waits once, at most until `deadline`. Returns false if that has passed.
    bool wait_once(std::unique_lock<std::mutex>& lock, Nanoseconds deadline);

private:
    void wait_once(std::unique_lock<std::mutex>& lock);

    std::condition_variable variable_;
};

// A mutex that is held while a connector or a handler is called, where other threads run meanwhile. Locks
// that are held for a moment are std::mutex.
class CallMutex {
public:
    void lock();
    bool try_lock();
    void unlock();

private:
    std::mutex mutex_;
    bool is_held_ = false;  // in the simulator
};

}  // namespace volley::runtime

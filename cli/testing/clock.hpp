// The clock of `volley test` (engine/runtime/schedule.hpp): threads are the system's, and time stands still
// while one of them runs. When all of them wait, time jumps to the next deadline: a retry after ten minutes
// takes no time, and a handler takes none either. Thread: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/schedule.hpp"

namespace volley::cli::testing {

class Clock {
public:
    Clock();
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

    const runtime::Schedule& schedule() const { return schedule_; }
    // Time since the clock was made.
    delivery::Millis elapsed() const;

    // While a hold is not let go, time stands still although all threads wait: a handler has a message.
    void hold();
    void let_go();

private:
    struct Waiter {
        const void* place = nullptr;
        runtime::Nanoseconds deadline{0};
        bool is_own = false;  // a thread that this clock has started
        bool is_woken = false;
        std::condition_variable condition;
    };
    struct Thread {
        std::thread thread;
        bool has_ended = false;
    };
    using Lock = std::unique_lock<std::mutex>;

    std::uint64_t start(const std::string& name, std::function<void()> body);
    void join(std::uint64_t number);
    void wait(const void* place, Lock& lock, runtime::Nanoseconds deadline);
    void notify(const void* place);
    // These require: mutex_ is locked.
    void wait_locked(const void* place, Lock& lock, runtime::Nanoseconds deadline);
    void wake(Waiter& waiter);
    void jump_if_all_wait();

    runtime::Schedule schedule_{};
    mutable std::mutex mutex_;
    runtime::Nanoseconds now_;
    std::list<Waiter> waiters_;
    std::map<std::uint64_t, Thread> threads_;
    std::uint64_t last_number_ = 0;
    std::size_t running_ = 0;  // threads that do not wait
    std::size_t holds_ = 0;
};

}  // namespace volley::cli::testing

// An asynchronous handler that ends each message 50 ms after it began, from a thread of its own: as one that
// waits for a service.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "volley/plugin.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds waits{50};

class Wait {
public:
    explicit Wait(const volley_jobs* jobs) : jobs_(*jobs), thread_([this] { run(); }) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() {
        {
            const std::lock_guard lock(mutex_);
            is_ending_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

    void handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
        const std::lock_guard lock(mutex_);
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_task& task = volley::element(tasks, stride, i);
            task.status = VOLLEY_PENDING;
            due_.push_back({Clock::now() + waits, task.job, task.message->body});
        }
        changed_.notify_one();
    }

private:
    struct Due {
        Clock::time_point at;
        volley_job* job;
        volley_view body;
    };

    void run() {
        std::unique_lock lock(mutex_);
        while (!is_ending_) {
            if (due_.empty()) {
                changed_.wait(lock);
                continue;
            }
            const Due next = due_.front();
            if (Clock::now() < next.at) {
                changed_.wait_until(lock, next.at);
                continue;
            }
            due_.pop_front();
            lock.unlock();
            volley_record record{};
            record.partition = -1;
            record.body = next.body;
            record.flags = VOLLEY_RECORD_BORROWED;
            jobs_.emit(jobs_.context, next.job, volley_view{}, &record, sizeof record, nullptr);
            jobs_.finish(jobs_.context, next.job, VOLLEY_OK, 0);
            lock.lock();
        }
    }

    const volley_jobs& jobs_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Due> due_;
    bool is_ending_ = false;
    std::thread thread_;
};

constexpr volley_handler_class functions = [] {
    volley_handler_class c{};
    c.struct_size = sizeof c;
    c.create = [](const volley_host*, const volley_options*, const volley_jobs* jobs, volley_handler** out,
                  volley_error* error) {
        return volley::detail::guard(error,
                                     [&] { *out = reinterpret_cast<volley_handler*>(new Wait(jobs)); });
    };
    c.handle = [](volley_handler* handler, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                  volley_error* error) {
        return volley::detail::guard(
            error, [&] { volley::detail::self<Wait>(handler).handle(tasks, count, stride); });
    };
    c.destroy = [](volley_handler* handler) { delete &volley::detail::self<Wait>(handler); };
    return c;
}();

constexpr volley_class wait_class = [] {
    volley_class c{};
    c.struct_size = sizeof c;
    c.kind = VOLLEY_KIND_HANDLER;
    c.name = "Wait";
    c.flags = VOLLEY_ASYNC;
    c.functions = &functions;
    return c;
}();

}  // namespace

VOLLEY_PLUGIN("bench_wait", "1.0.0", wait_class);

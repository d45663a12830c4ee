#include "operations/background.hpp"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace volley::operations {

struct Background::State {
    std::string name;
    std::size_t most_waiting = 0;
    std::atomic<bool> stopping{false};
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> waiting;
    bool has_thread = false;
    bool ended = false;
};

Background::Background(std::string name, std::size_t most_waiting) : state_(std::make_shared<State>()) {
    state_->name = std::move(name);
    state_->most_waiting = most_waiting;
}

Background::~Background() { stop(std::chrono::milliseconds(0)); }

bool Background::post(Job job) {
    State& s = *state_;
    const std::lock_guard lock(s.mutex);
    if (s.stopping.load() || s.waiting.size() >= s.most_waiting) return false;
    if (!s.has_thread) {
        try {
            std::thread([state = state_] { run(state); }).detach();
        } catch (const std::system_error&) {
            return false;
        }
        s.has_thread = true;
    }
    s.waiting.push_back(std::move(job));
    s.changed.notify_all();
    return true;
}

bool Background::stop(std::chrono::milliseconds patience) {
    State& s = *state_;
    std::unique_lock lock(s.mutex);
    s.stopping.store(true);
    s.waiting.clear();
    s.changed.notify_all();
    return !s.has_thread || s.changed.wait_for(lock, patience, [&] { return s.ended; });
}

void Background::run(const std::shared_ptr<State>& state) {
    State& s = *state;
    pthread_setname_np(pthread_self(), s.name.c_str());
    for (;;) {
        Job job;
        {
            std::unique_lock lock(s.mutex);
            s.changed.wait(lock, [&] { return s.stopping.load() || !s.waiting.empty(); });
            if (s.stopping.load()) {
                s.ended = true;
                s.changed.notify_all();
                return;
            }
            job = std::move(s.waiting.front());
            s.waiting.pop_front();
        }
        job(s.stopping);
    }
}

}  // namespace volley::operations

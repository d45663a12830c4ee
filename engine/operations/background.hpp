// A thread for work that may take long, such as calls into stores, so that no request waits for another's.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace volley::operations {

class Background {
public:
    // `name`: of the thread, at most 15 bytes. At most `most_waiting` jobs wait.
    Background(std::string name, std::size_t most_waiting);
    ~Background();  // as stop() without patience
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // A job gets a flag that becomes true when it is to end early. It must not throw. The thread begins with
    // the first job. Returns false if too many jobs wait, after stop(), or if there is no thread to be had.
    // Thread: one at a time.
    using Job = std::function<void(const std::atomic<bool>& stopping)>;
    bool post(Job job);

    // Drops the jobs that wait, and waits up to `patience` for the one that runs. Returns false if it still
    // runs: then it is left behind, and whatever it refers to must stay.
    bool stop(std::chrono::milliseconds patience);

private:
    struct State;
    static void run(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
};

}  // namespace volley::operations

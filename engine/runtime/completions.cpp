#include "runtime/completions.hpp"

#include <utility>

namespace volley::runtime {

void Completions::push(const Completion* first, std::size_t count) {
    if (count == 0) return;
    const std::function<void()>* wake = nullptr;
    {
        const std::lock_guard lock(mutex_);
        const bool was_empty = queue_.completions.empty();
        queue_.completions.insert(queue_.completions.end(), first, first + count);
        if (was_empty) wake = take_wake();
    }
    came_.notify_one();
    if (wake != nullptr) (*wake)();
    yield_point();
}

void Completions::push(Completion completion, std::string_view text) {
    constexpr std::size_t longest = 1024;
    text = text.substr(0, longest);
    {
        const std::lock_guard lock(mutex_);
        queue_.texts.emplace_back(text);
        completion.detail = static_cast<std::uint32_t>(queue_.texts.size());
        queue_.completions.push_back(completion);
    }
    ring();
}

// One call is enough, because the intake thread drains before it waits again. The caller calls the function
// outside the lock: it calls a plugin, which may hold a lock of its own while it reports to the engine.
const std::function<void()>* Completions::take_wake() { return std::exchange(wake_, nullptr); }

void Completions::drain(Drained& out) {
    out.completions.clear();
    out.texts.clear();
    const std::lock_guard lock(mutex_);
    std::swap(queue_, out);
    rung_ = false;
}

bool Completions::prepare_to_wait(const std::function<void()>* wake) {
    const std::lock_guard lock(mutex_);
    if (!queue_.completions.empty() || rung_) return false;
    wake_ = wake;
    return true;
}

void Completions::end_wait() {
    const std::lock_guard lock(mutex_);
    wake_ = nullptr;
}

void Completions::wait_for(delivery::Millis timeout) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, timeout, [this] { return !queue_.completions.empty() || rung_; });
    rung_ = false;
}

void Completions::ring() {
    const std::function<void()>* wake = nullptr;
    {
        const std::lock_guard lock(mutex_);
        rung_ = true;
        wake = take_wake();
    }
    came_.notify_one();
    if (wake != nullptr) (*wake)();
}

}  // namespace volley::runtime

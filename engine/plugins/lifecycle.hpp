// The order of calls that the ABI promises to a plugin: open once it succeeds, then everything else, then
// close, then nothing but destroy. A call out of order is a mistake of ours: the process stops. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "invariant.hpp"

namespace volley::plugins {

class Lifecycle {
public:
    Lifecycle() = default;
    Lifecycle(Lifecycle&& other) noexcept : state_(other.state_.load(std::memory_order_relaxed)) {}
    Lifecycle& operator=(Lifecycle&& other) noexcept {
        state_.store(other.state_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        return *this;
    }

    // Before open, which may be repeated after an error.
    void opening() const { VOLLEY_ASSERT(state() == State::created); }
    void opened() { state_.store(State::open, std::memory_order_relaxed); }
    // Before any call between open and the end of close: what a consumer says of its partitions while it
    // closes has settlements and commits for an answer.
    void calling() const { VOLLEY_ASSERT(state() == State::open || state() == State::closing); }
    // Before close, which is called once.
    void closing() {
        VOLLEY_ASSERT(state() == State::open);
        state_.store(State::closing, std::memory_order_relaxed);
    }
    void closed() { state_.store(State::closed, std::memory_order_relaxed); }

private:
    enum class State : std::uint8_t { created, open, closing, closed };
    State state() const { return state_.load(std::memory_order_relaxed); }
    std::atomic<State> state_{State::created};
};

}  // namespace volley::plugins

// The order of calls that the ABI promises to a plugin: open until it succeeds, then all other calls, then
// close, then only destroy. A call out of order is a bug in the engine and aborts the process. Thread: any.
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

    // Call before open, which may be repeated after an error.
    void opening() const { VOLLEY_ASSERT(state() == State::created); }
    void opened() { state_.store(State::open, std::memory_order_relaxed); }
    // Call before any call between open and the end of close. While a consumer closes, it may announce
    // partitions, and the engine responds with settlements and commits.
    void calling() const { VOLLEY_ASSERT(state() == State::open || state() == State::closing); }
    // Call before close, which happens once.
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

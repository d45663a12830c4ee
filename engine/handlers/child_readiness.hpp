// What the engine and the log are told of whether the handler's process takes messages: it is loading, has
// started, or cannot start. Thread: the handler's, unless a function says otherwise.
//
// Invariant: after cannot_start() or loading() the engine counts the handler as down, until started().
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "handlers/child.hpp"
#include "volley/abi.hpp"

namespace volley::handlers {

class ChildReadiness {
public:
    explicit ChildReadiness(const Context& context) : context_(context) {}

    // A child is about to start.
    void starting() { is_started_ = false; }
    // It does not start, and another one is tried later. Logged once in a while.
    void cannot_start(const std::string& why);
    // It has not read its first message yet. Otherwise loading would be taken for a stall.
    void loading() const;
    // It has written or read something, so that timeouts apply.
    void started();
    bool is_started() const { return is_started_; }

    // A child has taken the place of another; by design or because that one failed.
    void replaced(bool planned) const { context_.replaced(planned); }

    // Whether the handler has messages: if the child ends, it notices by itself.
    void set_has_messages(bool has) { has_messages_ = has; }
    // A child has ended. Otherwise one that ends while it has no message would be noticed only with the next
    // message. Thread: any.
    void ended(const ChildEnd& end) const;

private:
    Context context_;
    std::atomic<bool> is_started_{false};
    std::atomic<bool> has_messages_{false};
    bool is_down_ = false;  // a child could not start
    std::chrono::steady_clock::time_point logged_{};
};

}  // namespace volley::handlers

// Fetches messages, and waits. The intake waits nowhere else while it runs, and a completion ends each wait.
// Thread: intake.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/input.hpp"
#include "runtime/outage_log.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/store_backoff.hpp"

namespace volley::runtime {

class Fetcher {
public:
    Fetcher(Pipeline& pipeline, Input& input);

    // Fetches up to `capacity` messages with at most `bytes` in total, and waits up to `wait` for the first.
    // hand_over() passes them on. Requires: the input is open and may_fetch(). Errors: the consumer cannot go
    // on.
    Result<void> fetch(std::uint32_t capacity, std::uint64_t bytes, delivery::Millis wait, bool is_idle);
    // Waits without fetching. If `poll` is set, it polls the client library meanwhile. Errors: the consumer
    // cannot go on.
    Result<void> wait_without_fetching(delivery::Millis wait, bool poll);
    // Waits inside a connector's call that interrupt() ends.
    template <typename Call>
    void wait_in(delivery::Millis wait, Call&& call) {
        if (!pipeline_.completions.prepare_to_wait(wake())) wait = delivery::Millis(0);
        call(wait);
        pipeline_.completions.end_wait();
    }

    std::uint32_t count() const { return count_; }
    // Passes the fetched messages to `receive`, one by one. Blanks each one at once, while it is in the
    // cache: a second pass over a large batch cost 20 ns per message.
    template <typename Receive>
    void hand_over(Receive&& receive) {
        const std::uint32_t count = std::exchange(count_, 0);
        for (std::uint32_t i = 0; i < count; ++i) {
            receive(std::as_const(messages_[i]));
            messages_[i] = blank_;  // the consumer expects it blank
        }
    }

    bool may_fetch(delivery::Instant now) const { return !ended_ && now >= next_try_; }
    // When fetching may resume after a failure.
    delivery::Instant next_try() const { return next_try_; }
    // The input has reported that no message will ever come again.
    bool has_ended() const { return ended_; }
    // The last call into the input succeeded.
    bool is_up() const { return is_up_; }
    void set_up(bool up) { is_up_ = up; }
    // Another call into the input failed for now.
    void set_down(const std::string& cause) {
        is_up_ = false;
        cause_ = cause;
    }
    // Why the last call failed. Requires: !is_up().
    const std::string& cause() const { return cause_; }

private:
    const std::function<void()>* wake() const { return input_.can_interrupt() ? &interrupt_ : nullptr; }
    Result<void> failed(const Error& error);

    Pipeline& pipeline_;
    Input& input_;
    std::function<void()> interrupt_;
    std::vector<volley_message> messages_;  // reused
    volley_message blank_{};                // copied, because zeroing so much compiles to a slow rep stos
    std::uint32_t count_ = 0;
    delivery::Instant next_try_{0};
    bool ended_ = false;
    bool is_up_ = false;
    std::string cause_;
    OutageLog outage_;
    StoreBackoff backoff_;
};

}  // namespace volley::runtime

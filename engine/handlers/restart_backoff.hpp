// When the next child may start. Pure: time comes in.
#pragma once

#include <algorithm>
#include <chrono>

namespace volley::handlers {

class RestartBackoff {
public:
    using Clock = std::chrono::steady_clock;

    // A child is gone. One that was of use is replaced at once, and others ever later.
    void child_ended(bool was_of_use, Clock::time_point now) {
        constexpr std::chrono::milliseconds shortest{100};
        constexpr std::chrono::milliseconds longest{10'000};
        delay_ = was_of_use ? std::chrono::milliseconds(0) : std::clamp(delay_ * 2, shortest, longest);
        not_before_ = now + delay_;
    }
    // The child is of use: it has answered.
    void reset() { delay_ = std::chrono::milliseconds(0); }
    Clock::time_point not_before() const { return not_before_; }

private:
    std::chrono::milliseconds delay_{0};
    Clock::time_point not_before_{};
};

}  // namespace volley::handlers

#include "idle_wait.hpp"

#include <poll.h>

#include <algorithm>

#include "send_notifications.hpp"

namespace volley::rsmq {

namespace {

constexpr std::int64_t longest_pause_ms = 100;
constexpr std::chrono::seconds subscribe_interval{5};

}  // namespace

IdleWait::IdleWait(const Context& context, const Settings& settings, const EventFd& interrupt)
    : context_(context), interrupt_(interrupt), subscriber_(settings) {}

IdleWait::~IdleWait() { unsubscribe_from_sends(sent_); }

void IdleWait::open() {
    const Settings& s = subscriber_.settings();
    unsubscribe_from_sends(sent_);
    subscribe_to_sends(s.server.store() + s.set_key, sent_);
}

void IdleWait::close() {
    unsubscribe_from_sends(sent_);
    subscriber_.drop();
}

bool IdleWait::pause(std::int64_t left_ms, std::int64_t next_visible_ms) {
    std::int64_t ms = std::min(pause_ms_, left_ms);
    if (next_visible_ms >= 0) ms = std::min(ms, std::max<std::int64_t>(next_visible_ms, 1));
    switch (poll_events(ms)) {
        case Result::interrupted:
            return false;
        case Result::notified:
            reset();
            break;
        case Result::timed_out:
            pause_ms_ = std::min(pause_ms_ * 2, longest_pause_ms);
    }
    return true;
}

IdleWait::Result IdleWait::poll_events(std::int64_t ms) {
    // Only the longest pause justifies a second connection.
    if (pause_ms_ >= longest_pause_ms) subscribe();
    pollfd fds[] = {{interrupt_.fd(), POLLIN, 0}, {sent_.fd(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (subscriber_.is_connected()) fds[2].fd = subscriber_.fd();
    if (poll(fds, 3, static_cast<int>(ms)) <= 0) return Result::timed_out;
    const bool is_published = fds[2].revents != 0 && subscriber_.skip_pushed();
    if (fds[0].revents != 0 && interrupt_.clear()) return Result::interrupted;
    return is_published || fds[1].revents != 0 ? Result::notified : Result::timed_out;
}

// Polling continues without a subscription.
void IdleWait::subscribe() {
    if (subscriber_.is_connected() || Clock::now() < next_subscribe_) return;
    next_subscribe_ = Clock::now() + subscribe_interval;
    try {
        subscriber_.command({"SUBSCRIBE", subscriber_.settings().realtime_key});
    } catch (const Error& error) {
        subscriber_.drop();
        context_.debug("cannot subscribe to the realtime channel: " + error.text);
    }
}

}  // namespace volley::rsmq

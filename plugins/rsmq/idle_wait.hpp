// Lets a consumer wait while its queue is empty. It polls with growing pauses, because clients of other
// libraries need not publish their sends. A pause ends early when a producer of this process sends, when a
// sender with the realtime option publishes, or when the consumer is interrupted.
#pragma once

#include <chrono>
#include <cstdint>

#include "connection.hpp"
#include "event_fd.hpp"

namespace volley::rsmq {

// Used by one thread.
class IdleWait {
public:
    // Borrows everything except the settings.
    IdleWait(const Context& context, const Settings& settings, const EventFd& interrupt);
    ~IdleWait();
    IdleWait(const IdleWait&) = delete;
    IdleWait& operator=(const IdleWait&) = delete;

    // Subscribes to sends of this process.
    void open();
    void close();
    // Call it before each receive: the receive sees all earlier sends.
    void clear_sends() { sent_.clear(); }
    // The next pause is the shortest again.
    void reset() { pause_ms_ = shortest_pause_ms; }
    // Pauses until the next poll is due or a signal arrives. `left_ms`: the maximum. `next_visible_ms`: the
    // time until the next hidden message becomes visible, which also ends the pause; -1 if none is known.
    // Returns false if the consumer was interrupted.
    bool pause(std::int64_t left_ms, std::int64_t next_visible_ms);

private:
    using Clock = std::chrono::steady_clock;
    enum class Result { interrupted, notified, timed_out };
    static constexpr std::int64_t shortest_pause_ms = 1;

    Result poll_events(std::int64_t ms);
    void subscribe();

    const Context& context_;
    const EventFd& interrupt_;
    EventFd sent_;           // signalled by producers of this process
    Connection subscriber_;  // subscribed to the realtime channel; connected only while idle
    Clock::time_point next_subscribe_{};
    std::int64_t pause_ms_ = shortest_pause_ms;
};

}  // namespace volley::rsmq

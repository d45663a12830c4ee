// A connection of its own that is told of new messages (LISTEN), and on which the table is vacuumed. Without
// it, or behind a pooler, which gives the notifications to nobody, a consumer looks for itself. Thread: one
// at a time.
#pragma once

#include <chrono>
#include <string>

#include "rsmq/event_fd.hpp"
#include "session.hpp"

namespace volley::postgresql {

class Listener {
public:
    Listener(const Context& context, const PostgresqlConfig& config);

    // Connects if there is no connection and the last attempt was some seconds ago. Failures are logged, once
    // until it succeeds.
    void listen_to(const std::string& channel);
    void close() { session_.close(); }
    // Will a new message end a wait?
    bool hears() const { return session_.is_open(); }
    // Waits for a notification, an interrupt, or until the time is over.
    void wait(const rsmq::EventFd& interrupt, Clock::time_point until);
    // `count` messages were taken. A claim passes over the index entries of all that were taken since the
    // last vacuum, and autovacuum comes once a minute: so every some ten thousand messages one is begun here.
    // Does not wait for it. Notifications come when it is done.
    void note_taken(std::uint32_t count, const std::string& table);

private:
    void take_notifications();
    void finish_vacuum();

    Context context_;
    bool enabled_;
    Session session_;
    std::string channel_;
    Clock::time_point next_attempt_{};
    bool failure_told_ = false;
    std::uint32_t taken_ = 0;  // since the last vacuum
    bool vacuuming_ = false;
    Clock::time_point vacuum_began_{}, next_vacuum_{};
};

}  // namespace volley::postgresql

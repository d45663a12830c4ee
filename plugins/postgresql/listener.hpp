// A separate connection that is notified of new messages (LISTEN), and that vacuums the table. Without it, or
// behind a pooler, which forwards no notifications, a consumer polls. Thread: one at a time.
#pragma once

#include <chrono>
#include <string>

#include "rsmq/event_fd.hpp"
#include "session.hpp"

namespace volley::postgresql {

class Listener {
public:
    Listener(const Context& context, const PostgresqlConfig& config);

    // Connects if there is no connection and the last attempt was some seconds ago. A failure is logged once
    // until a connect succeeds.
    void listen_to(const std::string& channel);
    void close() { session_.close(); }
    // Whether a new message ends a wait.
    bool hears() const { return session_.is_open(); }
    // Waits for a notification, an interrupt, or the timeout.
    void wait(const rsmq::EventFd& interrupt, Clock::time_point until);
    // `count` messages were claimed. A claim scans the index entries of all messages that were claimed since
    // the last vacuum, and autovacuum runs only once a minute. This therefore starts a vacuum every few ten
    // thousand messages. Does not wait for it. Notifications arrive when it is done.
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

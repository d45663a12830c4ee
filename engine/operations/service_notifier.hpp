// Reports to the service manager how the engine stands, in systemd's protocol: datagrams of NAME=VALUE lines
// to a Unix socket (sd_notify(3), without libsystemd). A notifier without a socket does nothing. Never
// blocks: a state that the socket does not accept now is sent again by the next call of turn(). Thread: one
// at a time.
#pragma once

#include <chrono>
#include <string>

#include "runtime/snapshot.hpp"
#include "volley/engine.hpp"

namespace volley::operations {

// Returns what systemd has put into the environment, and removes it from there, so that child processes do
// not report in the name of this process. Call it before any thread starts.
ServiceManager take_service_manager_from_environment();

// Returns one line for people: what the engine does now. `per_second`: messages that it has settled.
std::string status_line(const runtime::EngineSnapshot& snapshot, double per_second);

enum class ServiceState { unknown, starting, running, reloading, stopping };

class ServiceNotifier {
public:
    using Clock = std::chrono::nanoseconds;  // monotonic time

    ServiceNotifier() = default;
    explicit ServiceNotifier(const ServiceManager& manager);
    ~ServiceNotifier();
    ServiceNotifier(const ServiceNotifier&) = delete;
    ServiceNotifier& operator=(const ServiceNotifier&) = delete;

    bool is_on() const { return fd_ >= 0; }

    // Reports the state if it is another than before. `at_most`: how long the engine may remain in it, where
    // it is starting, reloading or stopping; the service manager waits so long, whatever its own limits are.
    void show(ServiceState state, Milliseconds at_most, Clock now);
    // Call it in each turn of the loop that watches the engine's progress: the watchdog is fed from nowhere
    // else. Returns whether it is time for status().
    bool turn(Clock now);
    // Sends the status if it is another than the last one.
    void status(const runtime::EngineSnapshot& snapshot, Clock now);

private:
    bool send(const std::string& message) const;

    int fd_ = -1;
    std::string address_;  // of the socket: a path, or '@' and an abstract name
    ServiceState state_ = ServiceState::unknown;
    Clock feed_every_{0};  // 0: nobody watches
    Clock next_feed_{0};
    Clock next_status_{0};
    std::string unsent_;  // the newest state, if it has not been accepted yet
    std::string last_status_;
    Clock counted_at_{0};
    std::uint64_t counted_ = 0;
};

}  // namespace volley::operations

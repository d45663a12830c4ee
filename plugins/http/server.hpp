// The clients of a consumer: one thread serves all of them. Many or slow clients use memory up to a limit,
// but do not delay the others. Thread: start and stop: the owner's; wake: any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "config.hpp"
#include "connection.hpp"
#include "inbox.hpp"
#include "listener.hpp"

namespace volley::http {

class Server {
public:
    Server(const ServerConfig& config, Inbox& inbox) : config_(config), inbox_(inbox) {}
    ~Server() { stop(std::chrono::milliseconds(0)); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Listens and starts the thread. Throws as listen_on.
    void start(std::string token);
    bool is_started() const { return thread_.joinable(); }
    const std::string& address() const { return listener_.address; }
    bool is_loopback() const { return listener_.is_loopback; }
    // The inbox has answers.
    void wake();
    // Answers all waiting clients with 503, writes the answers for at most this long, and ends the thread.
    void stop(std::chrono::milliseconds timeout);

private:
    using Clock = std::chrono::steady_clock;

    void run();
    void wait();
    void accept_clients();
    void give_answers();
    void end_overdue();
    void begin_stop();
    // Acts on the connection until it waits for its client or for the engine.
    void act(Connection& connection);
    void judge(Connection& connection);
    void submit(Connection& connection);

    ServerConfig config_;
    Inbox& inbox_;
    Listener listener_;
    Socket waker_;
    std::thread thread_;
    std::list<Connection> connections_;
    std::uint64_t last_number_ = 0;
    Clock::time_point accepts_again_;        // after the process ran out of descriptors
    std::atomic<std::int64_t> stop_ms_{-1};  // -1: it runs; else how long answers may still be written
};

}  // namespace volley::http

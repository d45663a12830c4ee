// HTTP connections, served by one thread that never blocks on a client. An idle or slow client occupies a
// descriptor until its deadline, and delays no other client. One request per connection. The caller provides
// the responses. A response may be a stream: it then goes on with one event a second, until the client closes
// or takes no more.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "operations/listener.hpp"
#include "volley/error.hpp"

struct pollfd;

namespace volley::operations {

struct Reply {
    std::string bytes;     // empty: the connection is closed
    bool streams = false;  // events follow
};

// What is served. Thread: the server's.
struct Service {
    // Returns the response to a request head, which ends with an empty line. `from`: the client's address.
    std::function<Reply(const std::string& head, const std::string& from)> answer;
    // Called once a second. Returns the event for the streams; `wanted`: there is one.
    std::function<std::string(bool wanted)> tick = [](bool) { return std::string(); };
};

class Connections {
public:
    Connections(Listener listener, Service service);
    ~Connections();
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    // Starts the thread. Errors: retry (the system has no thread for it).
    Result<void> start();
    // Closes all connections at once.
    void stop();

private:
    using Instant = std::chrono::steady_clock::time_point;

    struct Connection {
        enum class State { reading, writing, streaming, closing };
        int fd = -1;
        State state = State::reading;
        Instant deadline;
        std::string head;
        std::string response;
        std::size_t written = 0;
        std::size_t discarded = 0;
    };

    void run();
    void turn();
    int wait_ms() const;
    void accept_all(int socket);
    bool make_room();
    bool advance(Connection& connection);
    bool read_head(Connection& connection);
    bool write_response(Connection& connection);
    bool discard_rest(Connection& connection);
    bool stream(Connection& connection);
    void tick();
    void respond(Connection& connection);
    void bound_responses(const Connection& newest);

    Listener listener_;
    Service service_;
    int stop_event_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;

    // Used only by the thread.
    std::vector<Connection> connections_;  // in the order of arrival
    std::vector<pollfd> fds_;
    Instant now_;
    Instant next_tick_;
    Instant accept_again_;
    Instant shortage_told_;
};

}  // namespace volley::operations

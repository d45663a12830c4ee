// HTTP connections in one thread that never waits for a client: idle and slow ones cost a descriptor until
// their deadline, and nobody else waits for them. One request a connection. What a complete request head is
// answered with is the caller's.
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

// Returns the whole response to a request head, which ends with its empty line, or nothing: the connection is
// closed.
using Answer = std::function<std::string(const std::string& head)>;

class Connections {
public:
    Connections(Listener listener, Answer answer);
    ~Connections();
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    // Starts the thread. Errors: retry (there is no thread to be had).
    Result<void> start();
    // Closes everything, whatever clients do.
    void stop();

private:
    using Instant = std::chrono::steady_clock::time_point;

    struct Connection {
        enum class State { reading, writing, closing };
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
    void respond(Connection& connection);
    void bound_responses(const Connection& newest);

    Listener listener_;
    Answer answer_;
    int stop_event_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;

    // Of the thread.
    std::vector<Connection> connections_;  // in the order in which they came
    std::vector<pollfd> fds_;
    Instant now_;
    Instant accept_again_;
    Instant shortage_told_;
};

}  // namespace volley::operations

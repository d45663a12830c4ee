// HTTP connections, served by one thread that never blocks on a client. An idle or slow client occupies a
// descriptor until its deadline, and delays no other client. One request per connection. The caller provides
// the responses. A response may be a stream: it then goes on with one event a second, until the client closes
// or takes no more. A response may also come later, in parts, from other threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "operations/listener.hpp"
#include "operations/mailbox.hpp"
#include "operations/reply.hpp"
#include "volley/error.hpp"

struct pollfd;

namespace volley::operations {

// What is served. Thread: the server's.
struct Service {
    // Returns the response to a request head, which ends with an empty line. `body`: null before a reply
    // wanted it. `from`: the client's address.
    std::function<Reply(const std::string& head, const std::string* body, const std::string& from)> answer;
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
        enum class State { reading, reading_body, waiting, writing, streaming, closing };
        std::uint64_t number = 0;
        int fd = -1;
        State state = State::reading;
        Instant deadline;
        std::string head;
        std::string body;  // of the request
        std::size_t body_bytes = 0;
        std::string response;
        Later later;                          // what follows the response
        std::function<std::string()> events;  // of a stream of its own
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
    bool read_body(Connection& connection);
    void take_reply(Connection& connection, Reply reply);
    void take_mail();
    void wait_for_reply(Connection& connection);
    bool write_response(Connection& connection);
    bool discard_rest(Connection& connection);
    bool stream(Connection& connection);
    void tick();
    void respond(Connection& connection, const std::string* body);
    void bound_responses(const Connection& newest);

    Listener listener_;
    Service service_;
    std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
    std::atomic<bool> stopping_{false};
    std::thread thread_;

    // Used only by the thread.
    std::vector<Connection> connections_;  // in the order of arrival
    std::uint64_t last_number_ = 0;
    std::vector<pollfd> fds_;
    Instant now_;
    Instant next_tick_;
    Instant accept_again_;
    Instant shortage_told_;
};

}  // namespace volley::operations

// One client: reads its request, waits for the answer, writes it. No function blocks; the server's thread
// calls them when the socket is ready or a deadline is due. Thread: the server's.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "answer.hpp"
#include "listener.hpp"
#include "request_parser.hpp"

namespace volley::http {

class Connection {
public:
    using Clock = std::chrono::steady_clock;
    enum class State {
        reading,    // a request, or waiting for one
        judging,    // its head has arrived: accept() or answer()
        complete,   // it has arrived: wait_for_answer() or answer()
        waiting,    // for answer()
        writing,    // an answer
        lingering,  // an answer was written to a client that may still be sending
        closed
    };

    Connection(Socket socket, std::uint64_t max_body_bytes, std::chrono::milliseconds timeout);

    // The events for poll().
    short events() const;
    // Reads or writes as much as possible. Returns in a state in which the caller must act, or which waits.
    void serve();
    // Starts reading the body.
    void accept();
    void wait_for_answer(std::uint64_t number, Clock::time_point deadline);
    void answer(const Answer& answer, bool keeps_alive);
    // The client is gone, or its time is over and there is no answer to send.
    void close() { state_ = State::closed; }

    State state() const { return state_; }
    int fd() const { return socket_.get(); }
    Clock::time_point deadline() const { return deadline_; }
    // Between two requests: no byte of the next one has arrived.
    bool is_idle() const { return state_ == State::reading && !parser_.has_begun() && unread_.empty(); }
    Request& request() { return parser_.request(); }
    std::uint64_t number() const { return number_; }  // of the exchange that it waits for

private:
    void read();
    void write();
    void linger();
    void parse();
    bool receive();

    Socket socket_;
    std::chrono::milliseconds timeout_;
    RequestParser parser_;
    State state_ = State::reading;
    std::string unread_;  // received, and not parsed
    std::string out_;
    std::size_t written_ = 0;
    bool keeps_alive_ = true;
    std::uint64_t number_ = 0;
    Clock::time_point deadline_;
};

}  // namespace volley::http

#include "connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace volley::http {

namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::chrono::seconds linger_time{1};
constexpr std::chrono::seconds idle_time{60};

}  // namespace

Connection::Connection(Socket socket, std::uint64_t max_body_bytes, std::chrono::milliseconds timeout)
    : socket_(std::move(socket)),
      timeout_(timeout),
      parser_(max_body_bytes),
      deadline_(Clock::now() + timeout) {}

short Connection::events() const {
    switch (state_) {
        case State::reading:
        case State::lingering:
            return POLLIN;
        case State::writing:
            return POLLOUT;
        default:
            return 0;  // errors only
    }
}

// Returns false if no data is available now.
bool Connection::receive() {
    char bytes[read_bytes];
    const ssize_t n = ::recv(socket_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
        if (state_ == State::reading) unread_.append(bytes, static_cast<std::size_t>(n));
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) state_ = State::closed;
    return false;
}

void Connection::serve() {
    if (state_ == State::reading) read();
    if (state_ == State::writing) write();
    if (state_ == State::lingering) linger();
}

// One read per turn, so that no client delays the others.
void Connection::read() {
    if (unread_.empty() && !receive()) return;
    const bool had_begun = parser_.has_begun();
    parse();
    // The time limit of a request starts at its first byte, however slowly it arrives.
    if (!had_begun && parser_.has_begun() && state_ == State::reading) deadline_ = Clock::now() + timeout_;
}

void Connection::parse() {
    using Parser = RequestParser::State;
    std::size_t used = 0;
    while (used < unread_.size() && (parser_.state() == Parser::head || parser_.state() == Parser::body))
        used += parser_.feed(std::string_view(unread_).substr(used));
    unread_.erase(0, used);
    if (parser_.state() == Parser::failed) {
        answer(refused(parser_.status(), parser_.reason()), false);
    } else if (parser_.state() == Parser::head_done) {
        state_ = State::judging;
    } else if (parser_.state() == Parser::done) {
        state_ = State::complete;
    }
}

void Connection::accept() {
    state_ = State::reading;
    const bool is_asked = parser_.request().expects_continue && unread_.empty();
    parser_.read_body();
    if (is_asked) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        // The socket's buffer is empty at this point, and has room for 25 bytes.
        static_cast<void>(::send(socket_.get(), go_on.data(), go_on.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    parse();
}

void Connection::wait_for_answer(std::uint64_t number, Clock::time_point deadline) {
    state_ = State::waiting;
    number_ = number;
    deadline_ = deadline;
}

void Connection::answer(const Answer& answer, bool keeps_alive) {
    keeps_alive_ = keeps_alive && parser_.request().keeps_alive;
    out_ = to_response(answer, keeps_alive_);
    written_ = 0;
    number_ = 0;
    state_ = State::writing;
    deadline_ = Clock::now() + timeout_;
    write();
}

void Connection::write() {
    while (written_ < out_.size()) {
        const ssize_t n = ::send(socket_.get(), out_.data() + written_, out_.size() - written_,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) return close();
        written_ += static_cast<std::size_t>(n);
    }
    if (keeps_alive_) {
        parser_.reset();
        state_ = State::reading;
        deadline_ = Clock::now() + idle_time;
        if (!unread_.empty()) read();
        return;
    }
    // A client that is still sending would lose the answer if the connection were closed immediately.
    ::shutdown(socket_.get(), SHUT_WR);
    state_ = State::lingering;
    deadline_ = Clock::now() + linger_time;
}

void Connection::linger() {
    while (state_ == State::lingering && receive()) {
        if (Clock::now() > deadline_) return close();
    }
}

}  // namespace volley::http

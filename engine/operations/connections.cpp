#include "operations/connections.hpp"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

#include "log/log.hpp"

namespace volley::operations {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The limit on connections. A new connection replaces the oldest one without a request.
constexpr std::size_t most_connections = 256;
constexpr std::size_t longest_head = 8192;
constexpr std::size_t most_response_bytes = std::size_t{8} << 20;  // not yet read by clients
// Timeouts for a whole request and a whole response: single bytes do not extend them.
constexpr milliseconds time_to_ask{5'000};
constexpr milliseconds time_to_take{5'000};
// After the response the input is drained, because a reset would discard the response.
constexpr milliseconds time_to_close{1'000};
// For a reply that is made in the background.
constexpr milliseconds time_to_answer{90'000};
constexpr milliseconds tick_period{1'000};
// More would delay nobody, but each takes a descriptor and memory for an event.
constexpr std::ptrdiff_t most_streams = 32;
constexpr std::size_t most_body_bytes = std::size_t{16} << 20;  // of all requests
constexpr std::size_t most_discarded = std::size_t{1} << 20;
constexpr milliseconds pause_without_descriptors{100};
constexpr milliseconds shortage_log_period{60'000};

const char* const too_long =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    "Content-Length: 25\r\n\r\nthe request is too long.\n";

const char* const too_many_streams =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: "
    "application/json\r\n"
    "Content-Length: 56\r\n\r\n{\"error\":\"too many clients read the events; try later\"}\n";

const char* const too_many_bodies =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Type: "
    "application/json\r\n"
    "Content-Length: 52\r\n\r\n{\"error\":\"too many clients send bodies; try later\"}\n";

// "127.0.0.1:40000", "[::1]:40000"; empty if the client is gone.
std::string peer_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return {};
    const bool ipv6 = address.ss_family == AF_INET6;
    return (ipv6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

// What poll() is to report of a connection in this state.
short events_of(bool waits, bool writes, bool reads) {
    if (waits) return 0;
    return static_cast<short>((writes ? POLLOUT : 0) | (reads ? POLLIN : 0));
}

}  // namespace

Connections::Connections(Listener listener, Service service)
    : listener_(std::move(listener)), service_(std::move(service)) {}

Connections::~Connections() { stop(); }

Result<void> Connections::start() {
    if (mailbox_->descriptor() < 0)
        return Error(ErrorCode::retry,
                     std::string("operations: there is no file descriptor: ") + std::strerror(errno));
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
        return Error(ErrorCode::retry,
                     std::string("operations: a thread cannot be started: ") + error.what());
    }
    return {};
}

void Connections::stop() {
    stopping_.store(true);
    mailbox_->wake();
    if (thread_.joinable()) thread_.join();
    listener_.close();
}

void Connections::run() {
    pthread_setname_np(pthread_self(), "operations");
    while (!stopping_.load()) turn();
    for (const Connection& connection : connections_) ::close(connection.fd);
    connections_.clear();
}

// Waits once, then does everything that is possible without waiting.
void Connections::turn() {
    now_ = steady_clock::now();
    const bool accepts = now_ >= accept_again_;
    fds_.clear();
    fds_.push_back({mailbox_->descriptor(), POLLIN, 0});
    for (const int socket : listener_.sockets) fds_.push_back({accepts ? socket : -1, POLLIN, 0});
    for (const Connection& c : connections_) {
        using State = Connection::State;
        const bool pending = c.state == State::streaming && !c.response.empty();
        fds_.push_back({c.fd,
                        events_of(c.state == State::waiting, c.state == State::writing || pending,
                                  c.state != State::writing),
                        0});
    }
    if (poll(fds_.data(), fds_.size(), wait_ms()) < 0 && errno != EINTR) {
        // poll() failed for lack of memory. Waiting is all that can be done.
        std::this_thread::sleep_for(pause_without_descriptors);
        return;
    }
    now_ = steady_clock::now();
    const std::size_t first = 1 + listener_.sockets.size();
    const std::size_t known = connections_.size();
    for (std::size_t i = 0; i < known; ++i) {
        Connection& c = connections_[i];
        const bool goes_on = now_ < c.deadline && (fds_[first + i].revents == 0 || advance(c));
        if (goes_on) continue;
        ::close(c.fd);
        c.fd = -1;
    }
    std::erase_if(connections_, [](const Connection& c) { return c.fd < 0; });
    if (fds_.front().revents != 0) take_mail();
    for (std::size_t i = 0; i < listener_.sockets.size(); ++i) {
        if (fds_[1 + i].revents != 0) accept_all(listener_.sockets[i]);
    }
    if (now_ >= next_tick_) tick();
}

// A client that has not taken the event before gets none: it misses a snapshot, and the next one is newer.
void Connections::tick() {
    next_tick_ = now_ + tick_period;
    const auto streams = [](const Connection& c) { return c.state == Connection::State::streaming; };
    const bool wanted = std::any_of(connections_.begin(), connections_.end(),
                                    [&](const Connection& c) { return streams(c) && !c.events; });
    std::string event;
    try {
        event = service_.tick(wanted);
    } catch (const std::exception& error) {
        log::error("operations: there is no event", {{"cause", error.what()}});
    }
    for (Connection& c : connections_) {
        if (!streams(c) || !c.response.empty()) continue;
        try {
            c.response = c.events ? c.events() : event;
        } catch (const std::exception& error) {
            log::error("operations: a stream ends", {{"cause", error.what()}});
            c.deadline = now_;  // closed in the next turn
        }
        if (c.response.empty()) continue;
        c.deadline = now_ + time_to_take;
        if (!stream(c)) c.deadline = now_;  // closed in the next turn
    }
    if (!connections_.empty()) bound_responses(connections_.back());
}

// Returns the time until the next deadline or tick.
int Connections::wait_ms() const {
    Instant next = next_tick_;
    if (now_ < accept_again_) next = accept_again_;
    for (const Connection& c : connections_) next = std::min(next, c.deadline);
    return static_cast<int>(
        std::clamp<std::int64_t>(std::chrono::ceil<milliseconds>(next - now_).count(), 0, 60'000));
}

void Connections::accept_all(int socket) {
    // The limit lets requests be served between new connections.
    for (std::size_t i = 0; i < most_connections; ++i) {
        const int fd = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (errno == EAGAIN) return;
            const int error = errno;
            if (now_ - shortage_told_ >= shortage_log_period || shortage_told_ == Instant{}) {
                shortage_told_ = now_;
                log::warning("operations: a connection cannot be accepted",
                             {{"cause", std::strerror(error)}});
            }
            if (make_room()) continue;
            accept_again_ = now_ + pause_without_descriptors;
            return;
        }
        if (connections_.size() >= most_connections && !make_room()) {
            ::close(fd);
            continue;
        }
        Connection& c = connections_.emplace_back();
        c.number = ++last_number_;
        c.fd = fd;
        c.deadline = now_ + time_to_ask;
        // The request usually arrives together with the connection.
        if (!advance(c)) {
            ::close(c.fd);
            connections_.pop_back();
        }
    }
}

// Closes the oldest connection that has no request yet or has its response. Returns whether there was one.
bool Connections::make_room() {
    const auto oldest = std::find_if(connections_.begin(), connections_.end(), [](const Connection& c) {
        return c.state == Connection::State::reading || c.state == Connection::State::reading_body ||
               c.state == Connection::State::closing;
    });
    const auto goes = oldest != connections_.end() ? oldest : connections_.begin();
    if (goes == connections_.end()) return false;
    ::close(goes->fd);
    connections_.erase(goes);
    return true;
}

// Does what is possible without waiting. Returns false when the connection is finished.
bool Connections::advance(Connection& c) {
    if (c.state == Connection::State::reading && !read_head(c)) return false;
    if (c.state == Connection::State::reading_body && !read_body(c)) return false;
    // Only the end of the connection is reported in this state.
    if (c.state == Connection::State::waiting) return false;
    if (c.state == Connection::State::writing && !write_response(c)) return false;
    if (c.state == Connection::State::streaming && !stream(c)) return false;
    const bool takes = c.state == Connection::State::closing || c.state == Connection::State::streaming;
    return !takes || discard_rest(c);
}

bool Connections::read_head(Connection& c) {
    char buffer[4096];
    for (;;) {
        const ssize_t n = recv(c.fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        if (n == 0) return false;
        const std::size_t searched = c.head.size() < 3 ? 0 : c.head.size() - 3;
        c.head.append(buffer, static_cast<std::size_t>(n));
        const std::size_t end = c.head.find("\r\n\r\n", searched);
        if (end != std::string::npos && end + 4 <= longest_head) {
            c.body = c.head.substr(end + 4);
            c.head.resize(end + 4);
            respond(c, nullptr);
            return true;
        }
        if (c.head.size() > longest_head) {
            c.response = too_long;
            c.state = Connection::State::writing;
            c.deadline = now_ + time_to_take;
            return true;
        }
    }
}

bool Connections::read_body(Connection& c) {
    char buffer[16384];
    while (c.body.size() < c.body_bytes) {
        const ssize_t n = recv(c.fd, buffer, std::min(sizeof buffer, c.body_bytes - c.body.size()), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        if (n == 0) return false;
        c.body.append(buffer, static_cast<std::size_t>(n));
    }
    c.body.resize(c.body_bytes);
    const std::string body = std::exchange(c.body, {});
    respond(c, &body);
    return true;
}

void Connections::respond(Connection& c, const std::string* body) {
    Reply reply;
    try {
        reply = service_.answer(c.head, body, peer_of(c.fd));
    } catch (const std::exception& error) {
        log::error("operations: a request gets no response", {{"cause", error.what()}});
        reply = {};
    }
    take_reply(c, std::move(reply));
}

void Connections::take_reply(Connection& c, Reply reply) {
    if (reply.wants_body > 0) {
        std::size_t expected = reply.wants_body;
        for (const Connection& other : connections_) expected += other.body_bytes;
        if (expected <= most_body_bytes) {
            c.body_bytes = reply.wants_body;
            c.state = Connection::State::reading_body;
            c.deadline = now_ + time_to_ask;
            return;
        }
        reply = whole_reply(too_many_bodies);
    }
    c.body_bytes = 0;
    c.body.clear();
    const auto streams = std::count_if(connections_.begin(), connections_.end(), [](const Connection& other) {
        return other.state == Connection::State::streaming;
    });
    if (reply.streams && streams >= most_streams) reply = whole_reply(too_many_streams);
    c.response = std::move(reply.bytes);
    c.written = 0;
    c.later = std::move(reply.later);
    c.events = std::move(reply.events);
    c.state = reply.streams ? Connection::State::streaming : Connection::State::writing;
    c.deadline = now_ + time_to_take;
    bound_responses(c);
}

void Connections::take_mail() {
    for (auto& [number, reply] : mailbox_->take()) {
        const auto found = std::find_if(connections_.begin(), connections_.end(),
                                        [n = number](const Connection& c) { return c.number == n; });
        if (found == connections_.end()) continue;
        take_reply(*found, std::move(reply));
        if (!advance(*found)) found->deadline = now_;  // closed in the next turn
    }
}

void Connections::wait_for_reply(Connection& c) {
    c.state = Connection::State::waiting;
    c.deadline = now_ + time_to_answer;
    const Later later = std::exchange(c.later, {});
    try {
        later(
            [mailbox = mailbox_, number = c.number](Reply reply) { mailbox->put(number, std::move(reply)); });
    } catch (const std::exception& error) {
        log::error("operations: a request gets no response", {{"cause", error.what()}});
        c.deadline = now_;  // closed in the next turn
    }
}

// Drops the oldest responses if clients do not read them.
void Connections::bound_responses(const Connection& newest) {
    std::size_t bytes = 0;
    for (const Connection& c : connections_) bytes += c.response.size();
    for (Connection& c : connections_) {
        if (bytes <= most_response_bytes) return;
        if (&c == &newest || c.response.empty()) continue;
        bytes -= c.response.size();
        std::string().swap(c.response);
        c.deadline = now_;  // closed in the next turn
    }
}

// Returns false if the client is gone.
bool Connections::stream(Connection& c) {
    while (c.written < c.response.size()) {
        const ssize_t n =
            send(c.fd, c.response.data() + c.written, c.response.size() - c.written, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        c.written += static_cast<std::size_t>(n);
    }
    c.response.clear();
    c.written = 0;
    c.deadline = Instant::max();
    return true;
}

bool Connections::write_response(Connection& c) {
    while (c.written < c.response.size()) {
        const ssize_t n =
            send(c.fd, c.response.data() + c.written, c.response.size() - c.written, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        c.written += static_cast<std::size_t>(n);
    }
    if (c.later) {
        c.response.clear();
        wait_for_reply(c);
        return true;
    }
    if (c.response.empty() || shutdown(c.fd, SHUT_WR) != 0) return false;
    c.state = Connection::State::closing;
    c.deadline = now_ + time_to_close;
    c.response.clear();
    return true;
}

bool Connections::discard_rest(Connection& c) {
    char buffer[4096];
    while (c.discarded < most_discarded) {
        const ssize_t n = recv(c.fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN;
        if (n == 0) return false;
        c.discarded += static_cast<std::size_t>(n);
    }
    return false;
}

}  // namespace volley::operations

#include "server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "header_text.hpp"

namespace volley::http {

namespace {

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

bool is_authorized(const Request& request, const std::string& token) {
    constexpr std::string_view scheme = "Bearer ";
    const std::string_view given = request.header("Authorization");
    return token.empty() || (equals_without_case(given.substr(0, scheme.size()), scheme) &&
                             is_same_secret(given.substr(scheme.size()), token));
}

// The parts of the message that are in headers.
void read_headers(const std::vector<std::string>& passed, Exchange& exchange) {
    for (const auto& [name, value] : exchange.request.headers) {
        if (equals_without_case(name, key_header)) {
            exchange.key = from_header(value);
        } else if (equals_without_case(name, id_header)) {
            exchange.id = from_header(value);
        } else if (name.size() > header_prefix.size() &&
                   equals_without_case(name.substr(0, header_prefix.size()), header_prefix)) {
            exchange.headers.emplace_back(from_header(name.substr(header_prefix.size())), from_header(value));
        } else if (is_of_trace(name)) {
            exchange.headers.emplace_back(name, value);
        } else if (std::any_of(passed.begin(), passed.end(),
                               [&, n = name](const std::string& p) { return equals_without_case(p, n); })) {
            exchange.headers.emplace_back(name, value);
        }
    }
}

}  // namespace

void Server::start(std::string token) {
    config_.token = std::move(token);
    listener_ = listen_on(config_.host, config_.port);
    waker_ = make_waker();
    stop_ms_ = -1;
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
    try {
        thread_ = std::thread([this] { run(); });
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw Error(ErrorCode::retry, "http: no thread can be started");
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Server::wake() {
    if (waker_) ::eventfd_write(waker_.get(), 1);
}

void Server::stop(std::chrono::milliseconds timeout) {
    if (!thread_.joinable()) return;
    stop_ms_ = timeout.count();
    wake();
    thread_.join();
    listener_ = {};
}

void Server::run() {
    while (stop_ms_ < 0) {
        detail::guard(nullptr, [this] {  // out of memory ends a request, not the process
            wait();
            give_answers();
            end_overdue();
            accept_clients();
        });
        connections_.remove_if([](const Connection& c) { return c.state() == Connection::State::closed; });
    }
    const auto until = Clock::now() + std::chrono::milliseconds(stop_ms_);
    detail::guard(nullptr, [this] {
        give_answers();
        begin_stop();
    });
    while (!connections_.empty() && Clock::now() < until) {
        detail::guard(nullptr, [this] {
            wait();
            end_overdue();
        });
        connections_.remove_if([](const Connection& c) { return c.state() == Connection::State::closed; });
    }
    connections_.clear();
}

void Server::wait() {
    auto next = Clock::now() + std::chrono::milliseconds(stop_ms_ < 0 ? 1000 : 20);
    std::vector<pollfd> waits{{waker_.get(), POLLIN, 0}, {listener_.socket.get(), POLLIN, 0}};
    if (stop_ms_ >= 0 || Clock::now() < accepts_again_) waits[1].fd = -1;
    for (const Connection& c : connections_) {
        waits.push_back({c.fd(), c.events(), 0});
        next = std::min(next, c.deadline());
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    if (::poll(waits.data(), waits.size(), static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) return;
    eventfd_t count = 0;
    ::eventfd_read(waker_.get(), &count);
    std::size_t i = 2;
    for (Connection& c : connections_) {
        const short ready = waits[i++].revents;
        if (ready == 0) continue;
        // A client that disconnects while it waits: its message may be in flight, and there is no one to
        // answer.
        if (c.state() == Connection::State::waiting) {
            if ((ready & (POLLERR | POLLHUP | POLLNVAL)) == 0) continue;
            inbox_.take_back(c.number());
            c.close();
            continue;
        }
        c.serve();
        act(c);
    }
}

void Server::accept_clients() {
    constexpr std::size_t most_at_once = 64;
    for (std::size_t i = 0; i < most_at_once; ++i) {
        Socket socket(::accept4(listener_.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                accepts_again_ = Clock::now() + std::chrono::milliseconds(100);
            return;
        }
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const bool is_full = connections_.size() >= config_.max_connections;
        if (connections_.size() >= config_.max_connections + most_at_once) continue;
        connections_.emplace_back(std::move(socket), config_.max_body_bytes,
                                  std::chrono::milliseconds(config_.request_timeout_ms));
        if (is_full) connections_.back().answer(unavailable(1, "there are too many connections"), false);
    }
}

void Server::act(Connection& c) {
    while (c.state() == Connection::State::judging || c.state() == Connection::State::complete) {
        if (c.state() == Connection::State::judging)
            judge(c);
        else
            submit(c);
    }
}

void Server::judge(Connection& c) {
    const Request& request = c.request();
    if (!is_authorized(request, config_.token))
        c.answer(refused(401, "the bearer token is missing or wrong"), false);
    else if (request.path != config_.path)
        c.answer(refused(404, "no messages are taken at this path"), false);
    else if (request.method != "POST")
        c.answer(refused(405, "messages are sent with POST"), false);
    else if (stop_ms_ >= 0)
        c.answer(unavailable(1, "the service is stopping"), false);
    else if (!inbox_.has_room())
        c.answer(refused(429, "the service is busy"), false);
    else
        c.accept();
}

void Server::submit(Connection& c) {
    auto exchange = std::make_shared<Exchange>();
    exchange->number = ++last_number_;
    exchange->received_ms = unix_ms();
    const bool keeps_alive = c.request().keeps_alive;
    exchange->request = std::move(c.request());
    c.request().keeps_alive = keeps_alive;
    read_headers(config_.pass_headers, *exchange);
    if (stop_ms_ >= 0) return c.answer(unavailable(1, "the service is stopping"), false);
    c.wait_for_answer(exchange->number, Clock::now() + std::chrono::milliseconds(config_.answer_timeout_ms));
    if (!inbox_.put(std::move(exchange))) c.answer(refused(429, "the service is busy"), true);
}

void Server::give_answers() {
    for (const NumberedAnswer& given : inbox_.take_answers()) {
        const auto found = std::find_if(connections_.begin(), connections_.end(),
                                        [&](const Connection& c) { return c.number() == given.number; });
        if (found == connections_.end()) continue;  // it was answered with 504, or is gone
        found->answer(given.answer, stop_ms_ < 0);
        act(*found);
    }
}

void Server::end_overdue() {
    const auto now = Clock::now();
    for (Connection& c : connections_) {
        if (c.deadline() > now) continue;
        switch (c.state()) {
            case Connection::State::waiting:
                if (inbox_.take_back(c.number()))
                    c.answer(unavailable(1, "the message was not started in time"), true);
                else
                    c.answer(
                        {504, answer_body("timeout", {}, "the message is still at work, and may succeed"), 0},
                        true);
                act(c);
                break;
            case Connection::State::reading:
                if (c.is_idle())
                    c.close();
                else
                    c.answer(refused(408, "the request did not come in time"), false);
                break;
            default:
                c.close();
        }
    }
}

// Requests that the engine did not get are not done.
void Server::begin_stop() {
    for (Connection& c : connections_) {
        if (c.is_idle()) {
            c.close();
        } else if (c.state() == Connection::State::waiting) {
            inbox_.take_back(c.number());
            c.answer(unavailable(1, "the service is stopping"), false);
        } else if (c.state() == Connection::State::reading) {
            c.answer(unavailable(1, "the service is stopping"), false);
        }
    }
    connections_.remove_if([](const Connection& c) { return c.state() == Connection::State::closed; });
}

}  // namespace volley::http

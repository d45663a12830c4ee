#include "listener.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace volley::postgresql {

namespace {

constexpr std::chrono::seconds attempts{5};
constexpr std::uint32_t taken_between_vacuums = 20'000;
constexpr int pause_after_vacuum = 20;  // times its duration

Server server_of(const PostgresqlConfig& config) {
    Server server = config.server;
    if (!config.listen_dsn.empty()) server.dsn = config.listen_dsn;
    return server;
}

}  // namespace

Listener::Listener(const Context& context, const PostgresqlConfig& config)
    : context_(context), enabled_(config.listen), session_(server_of(config)) {}

void Listener::listen_to(const std::string& channel) {
    if (channel != std::exchange(channel_, channel)) session_.close();
    if (!enabled_ || session_.is_open() || Clock::now() < next_attempt_) return;
    next_attempt_ = Clock::now() + attempts;
    try {
        session_.open();
        vacuuming_ = false;
        const auto results =
            session_.run({{"LISTEN " + identifier(channel), {}}, {"SELECT pg_backend_pid()", {}}},
                         Effect::none, "listening");
        if (integer(results[1].get(), 0, 0) == PQbackendPID(session_.get())) {
            failure_told_ = false;
            return;
        }
        // A pooler assigns its own process ids to its clients.
        enabled_ = false;
        session_.close();
        context_.warning(session_.where() +
                         ": this is a pooler, which passes no notifications on: new messages are looked for "
                         "every `poll_ms`; set `listen_dsn` to the database itself, or `listen: false`");
    } catch (const Error& error) {
        session_.close();
        if (!std::exchange(failure_told_, true))
            context_.warning(error.text +
                             "; until it listens again, new messages are looked for every `poll_ms`");
    }
}

void Listener::take_notifications() {
    if (PQconsumeInput(session_.get()) == 0) {
        session_.close();
        return;
    }
    finish_vacuum();
    while (PGnotify* notification = PQnotifies(session_.get())) PQfreemem(notification);
    if (PQstatus(session_.get()) != CONNECTION_OK) session_.close();
}

void Listener::note_taken(std::uint32_t count, const std::string& table) {
    taken_ += count;
    if (vacuuming_ && session_.is_open()) take_notifications();
    if (taken_ < taken_between_vacuums || vacuuming_ || !session_.is_open() || Clock::now() < next_vacuum_)
        return;
    PGconn* c = session_.get();
    // If another vacuum is running, none is needed.
    const std::string sql = "VACUUM (SKIP_LOCKED, TRUNCATE false) " + table;
    if (Parameters().send(c, sql.c_str()) != 1 || PQpipelineSync(c) != 1 || PQflush(c) < 0) {
        session_.close();
        return;
    }
    vacuuming_ = true;
    taken_ = 0;
    vacuum_began_ = Clock::now();
}

// A role that does not own the table only gets a warning, and a failed vacuum is retried after the next
// messages.
void Listener::finish_vacuum() {
    while (vacuuming_ && PQisBusy(session_.get()) == 0) {
        const Rows result(PQgetResult(session_.get()));
        if (result == nullptr && PQstatus(session_.get()) == CONNECTION_OK) continue;
        vacuuming_ = result != nullptr && PQresultStatus(result.get()) != PGRES_PIPELINE_SYNC;
    }
    if (vacuuming_ || vacuum_began_ == Clock::time_point{}) return;
    next_vacuum_ = Clock::now() + pause_after_vacuum * (Clock::now() - vacuum_began_);
    vacuum_began_ = {};
}

void Listener::wait(const rsmq::EventFd& interrupt, Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd fds[2] = {{interrupt.fd(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (session_.is_open()) fds[1].fd = PQsocket(session_.get());
    ::poll(fds, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    if (fds[1].revents != 0) take_notifications();
}

}  // namespace volley::postgresql

#include "connect.hpp"

#include <poll.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace volley::postgresql {

namespace {

// Settings that `dsn` may override precede it; those that it must not override follow it.
struct Options {
    std::vector<const char*> names, values;
    void add(const char* name, const char* value) {
        names.push_back(name);
        values.push_back(value);
    }
};

Options options_of(const Server& server, const std::string& timeout_s, const std::string& timeout_ms) {
    Options o;
    o.add("fallback_application_name", "volley");
    o.add("connect_timeout", timeout_s.c_str());
    o.add("keepalives_idle", "30");
    o.add("keepalives_interval", "10");
    o.add("keepalives_count", "3");
    o.add("tcp_user_timeout", timeout_ms.c_str());
    if (!server.dsn.empty()) o.add("dbname", server.dsn.c_str());
    if (!server.password.empty()) o.add("password", server.password.c_str());
    o.add("client_encoding", "UTF8");
    o.add(nullptr, nullptr);
    return o;
}

// Several hosts are tried in turn, each for connect_timeout, which only libpq's blocking call does.
bool has_several_hosts(PGconn* connection) {
    bool several = false;
    PQconninfoOption* options = PQconninfo(connection);
    for (const PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o) {
        const std::string_view name = o->keyword;
        if ((name == "host" || name == "hostaddr") && o->val != nullptr)
            several |= std::string_view(o->val).find(',') != std::string_view::npos;
    }
    PQconninfoFree(options);
    return several;
}

// Returns false at the timeout.
bool finish(PGconn* connection, Clock::time_point deadline) {
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        if (PQstatus(connection) == CONNECTION_BAD) return true;
        const bool reads = next == PGRES_POLLING_READING;
        if (!wait_for_socket(connection, reads, !reads, deadline)) return false;
        next = PQconnectPoll(connection);
    }
    return true;
}

}  // namespace

bool wait_for_socket(PGconn* connection, bool for_reading, bool for_writing, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd fd{PQsocket(connection), 0, 0};
        if (for_reading) fd.events |= POLLIN;
        if (for_writing) fd.events |= POLLOUT;
        const int ready = ::poll(&fd, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
        if (ready > 0) return true;
        if (ready == 0 && left <= 0) return false;
    }
}

std::string where_of(PGconn* connection) {
    const auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
    return "PostgreSQL at " + text(PQhost(connection)) + ':' + text(PQport(connection)) + ", database " +
           text(PQdb(connection));
}

Connection connect(const Server& server, Stage stage) {
    const std::string timeout_ms = std::to_string(server.connect_timeout_ms);
    const std::string timeout_s = std::to_string((server.connect_timeout_ms + 999) / 1000);
    const Options o = options_of(server, timeout_s, timeout_ms);
    Connection c(PQconnectStartParams(o.names.data(), o.values.data(), 1));
    if (c == nullptr) throw Error(ErrorCode::retry, "out of memory");
    bool in_time = true;
    if (has_several_hosts(c.get())) {
        c.reset(PQconnectdbParams(o.names.data(), o.values.data(), 1));
    } else {
        PQsetErrorVerbosity(c.get(), PQERRORS_VERBOSE);  // with the SQLSTATE
        in_time = finish(c.get(), Clock::now() + std::chrono::milliseconds(server.connect_timeout_ms));
    }
    const std::string where = where_of(c.get());
    if (!in_time) throw error_of({"", "no answer within " + timeout_ms + " ms"}, stage, where, "connecting");
    if (PQstatus(c.get()) != CONNECTION_OK) {
        Refusal refusal = refusal_of_verbose(PQerrorMessage(c.get()));
        if (refusal.sqlstate.empty() && PQconnectionNeedsPassword(c.get()) != 0)
            throw Error(ErrorCode::unauthorized,
                        where + ": the server wants a password, and there is none; set `password`");
        throw error_of(refusal, stage, where, "connecting");
    }
    PQsetErrorVerbosity(c.get(), PQERRORS_DEFAULT);
    if (PQsetnonblocking(c.get(), 1) != 0 || PQenterPipelineMode(c.get()) != 1)
        throw Error(ErrorCode::retry, where + ": " + PQerrorMessage(c.get()));
    return c;
}

}  // namespace volley::postgresql

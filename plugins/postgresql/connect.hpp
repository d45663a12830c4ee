// A connection to the server, with a connect timeout. Thread: any.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>

#include "config.hpp"
#include "failure.hpp"

namespace volley::postgresql {

struct CloseConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, CloseConnection>;

using Clock = std::chrono::steady_clock;

// Waits until the connection's socket is readable (or writable), or until the timeout. Returns whether it is.
bool wait_for_socket(PGconn* connection, bool for_reading, bool for_writing, Clock::time_point deadline);

// Returns an open connection in pipeline mode. Throws Error, without a password in its text.
Connection connect(const Server& server, Stage stage);

// "PostgreSQL at host:port, database name".
std::string where_of(PGconn* connection);

}  // namespace volley::postgresql

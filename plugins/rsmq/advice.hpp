// Warns an operator about the configuration of the server.
#pragma once

#include "connection.hpp"

namespace volley::rsmq {

// Logs a warning if the server may lose queues by eviction or in a restart. Checks each server once per
// process. Throws as Connection::command if the server cannot be reached. Thread: any, with its own
// connection.
void warn_about_server(Connection& connection, const Context& context);

}  // namespace volley::rsmq

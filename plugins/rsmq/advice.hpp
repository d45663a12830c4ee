// What an operator should know of the server.
#pragma once

#include "connection.hpp"

namespace volley::rsmq {

// Warns if queues can vanish from the server: evicted, or lost in a restart. Once a server and process.
// Throws as Connection::command if it cannot be reached.
void warn_about_server(Connection& connection, const Context& context);

}  // namespace volley::rsmq

// Creates and migrates the schema and the table of a queue. Thread: one at a time; several processes may do
// it concurrently.
#pragma once

#include <string>

#include "config.hpp"
#include "mapped.hpp"
#include "session.hpp"
#include "store.hpp"

namespace volley::postgresql {

// Connects, and creates missing objects. Throws Error for problems with the server or privileges, and for a
// version newer than this connector. `queue`: the table's name without the schema. Creates nothing for a
// mapped table: see mapped.hpp.
Store open_store(Session& session, const PostgresqlConfig& config, const std::string& queue, Use use);

}  // namespace volley::postgresql

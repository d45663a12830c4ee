// Makes and migrates the schema and the table of a queue. Thread: one at a time; several processes may do it
// at once.
#pragma once

#include <string>

#include "config.hpp"
#include "mapped.hpp"
#include "session.hpp"
#include "store.hpp"

namespace volley::postgresql {

// Connects, and makes what is missing. Throws what is wrong with the server, with rights or with a version
// that is newer than this connector. `queue` is the table's name without the schema.
// Of a mapped table nothing is made: see mapped.hpp.
Store open_store(Session& session, const PostgresqlConfig& config, const std::string& queue, Use use);

}  // namespace volley::postgresql

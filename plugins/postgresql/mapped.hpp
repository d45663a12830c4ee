// An existing table of the user's: what it is made of, and what it lacks. Nothing is changed in it but its
// rows. Thread: one at a time.
#pragma once

#include "mapping.hpp"
#include "session.hpp"
#include "table.hpp"

namespace volley::postgresql {

// What an instance does with a table.
enum class Use { consume, produce };

struct MappedTable {
    std::uint32_t id = 0;  // its oid
    QueueTable table;
    std::string advice;  // the indexes that a consumer misses; may be empty
};

// Throws Error{config} with what is missing, and with the SQL that adds it; Error{retry} if the session was
// in use before. `name` is the table's, quoted.
MappedTable read_mapped_table(Session& session, const Mapping& mapping, const std::string& name, Use use);

}  // namespace volley::postgresql

// An existing table of the user: its columns, and what it lacks. Only its rows are changed. Thread: one at a
// time.
#pragma once

#include "mapping.hpp"
#include "session.hpp"
#include "table.hpp"

namespace volley::postgresql {

// The use of a table by an instance.
enum class Use { consume, produce };

struct MappedTable {
    std::uint32_t id = 0;  // its oid
    QueueTable table;
    std::string advice;  // the indexes that a consumer lacks; may be empty
};

// Throws Error{config} with the missing parts and the SQL that adds them; Error{retry} if the session was in
// use before. `name`: the quoted name of the table.
MappedTable read_mapped_table(Session& session, const Mapping& mapping, const std::string& name, Use use);

}  // namespace volley::postgresql

// A queue's table, and the only place that knows what its columns are called and of which types they are. The
// statements of this connector have words in braces, such as {id}, in the place of columns. Thread: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace volley::postgresql {

struct Column {
    std::string name;            // not quoted; "*": the whole row
    std::string type = "bytea";  // as a cast names it
    bool is_bytes = true;        // else it is read and written as text
    bool is_integer = false;
    bool may_be_null = true;
};

// What a table is made of.
struct Columns {
    std::map<std::string, Column, std::less<>> by_role;  // column_roles of mapping.hpp
    std::optional<std::string> ready, done;              // see Mapping
};

struct QueueTable {
    std::string name;             // with the schema's, quoted
    bool is_mapped = false;       // it is the user's
    bool has_integer_ids = true;  // they travel as int8, others as text
    bool has_message_ids = true;  // repeats are found
    bool has_delays = true;
    std::map<std::string, std::string, std::less<>> words;
};

// The table that queue.sql makes. `name` is quoted.
QueueTable own_table(std::string name);
// Requires: `columns` has an id and a body.
QueueTable make_table(std::string name, const Columns& columns);

// Replaces the words. The table's rows are called q.
std::string statement(std::string_view sql, const QueueTable& table);

// Returns the name, or the value, in quotes.
std::string identifier(std::string_view name);
std::string literal(std::string_view value);

}  // namespace volley::postgresql

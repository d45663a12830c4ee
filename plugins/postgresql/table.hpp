// A queue's table, and the only place that knows the names and types of its columns. The statements of this
// connector have words in braces, such as {id}, instead of columns. Thread: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace volley::postgresql {

struct Column {
    std::string name;            // not quoted; "*": the whole row
    std::string type = "bytea";  // as a cast names it
    bool is_bytes = true;        // false: it is read and written as text
    bool is_integer = false;
    bool may_be_null = true;
};

// The columns of a table.
struct Columns {
    std::map<std::string, Column, std::less<>> by_role;  // column_roles of mapping.hpp
    std::optional<std::string> ready, done;              // see Mapping
};

struct QueueTable {
    std::string name;             // with the schema's, quoted
    bool is_mapped = false;       // it belongs to the user
    bool has_integer_ids = true;  // sent as int8, others as text
    bool has_message_ids = true;  // repeats are detected
    bool has_delays = true;
    std::map<std::string, std::string, std::less<>> words;
};

// The table that queue.sql creates. `name` is quoted.
QueueTable own_table(std::string name);
// Requires: `columns` has an id and a body.
QueueTable make_table(std::string name, const Columns& columns);

// Replaces the words. The alias of the table is q.
std::string statement(std::string_view sql, const QueueTable& table);

// Returns the name, or the value, in quotes.
std::string identifier(std::string_view name);
std::string literal(std::string_view value);

}  // namespace volley::postgresql

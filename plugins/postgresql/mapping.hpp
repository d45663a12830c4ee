// `table`, `columns`, `ready` and `done` of the configuration: an existing table instead of a queue's own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "volley/abi.hpp"

namespace volley::postgresql {

// The parts of a row: the keys of `columns`.
inline constexpr const char* column_roles[] = {"id",       "body",       "key",        "headers",
                                               "priority", "message_id", "visible_at", "attempts",
                                               "token",    "owner",      "created",    "status"};

struct Mapping {
    std::string schema, table;  // not quoted
    // The columns by role, as configured. Those that every table needs have a default.
    std::map<std::string, std::string, std::less<>> columns;
    // The status of a row in the queue (absent: NULL), and the status that an ack writes (absent: an ack
    // deletes the row).
    std::optional<std::string> ready, done;

    // The name of the role's column: the configured one, or the default of `id`, `token` and `visible_at`.
    // Empty: the table has none.
    std::string column(std::string_view role) const;
    bool is_given(std::string_view role) const { return columns.find(role) != columns.end(); }
    // `columns.body: "*"`: the body is the whole row, as JSON.
    bool has_row_body() const { return column("body") == "*"; }
};

// Returns nothing without `table`. Throws Error{config} that names the key.
std::optional<Mapping> read_mapping(const Context& context);

}  // namespace volley::postgresql

// A queue's table and its identity. Thread: one at a time.
#pragma once

#include <string>

#include "session.hpp"
#include "table.hpp"

namespace volley::postgresql {

struct Store {
    std::string identity;  // permanent: of the schema in its database; of the database for a mapped table
    std::string database;  // unique among all servers; empty: the role may not query it
    std::uint32_t table_id = 0;  // the table's oid; a recreated table has a different one
    std::string reached;         // host, port, database and user of the connection
    QueueTable table;
    std::string advice;  // advice to make the user's table faster; may be empty

    // The text of volley.identity/1.
    std::string name() const { return identity + '/' + std::to_string(table_id); }
    // Whether a transaction on a connection of one can write to the tables of the other.
    bool is_same_database(const Store& other) const {
        if (reached != other.reached) return false;
        if (table.is_mapped == other.table.is_mapped) return identity == other.identity;
        return database == other.database && !database.empty();
    }
    // The channel of LISTEN and NOTIFY.
    std::string channel() const { return "volley_" + std::to_string(table_id); }
};

// Notifies the consumers of the queue of new messages. Must follow a COMMIT: inside the transaction, the lock
// that PostgreSQL takes for it would serialize all commits of the database. Its own commit need not be on
// disk, because consumers also poll. `table` is quoted. Not essential.
Command notify_command(const std::string& table);

}  // namespace volley::postgresql

// A queue's table, and which one it is. Thread: one at a time.
#pragma once

#include <string>

#include "session.hpp"
#include "table.hpp"

namespace volley::postgresql {

struct Store {
    std::string identity;  // of the schema in its database, for good; of the database, if the table is mapped
    std::string database;  // names it among all servers; empty: the role may not ask
    std::uint32_t table_id = 0;  // the table's oid: one that is made anew has another
    std::string reached;         // host, port, database and user: where the connection leads to
    QueueTable table;
    std::string advice;  // what would make the user's table faster; may be empty

    // The text of volley.identity/1.
    std::string name() const { return identity + '/' + std::to_string(table_id); }
    // Can one transaction on a connection of one write to the tables of the other?
    bool is_same_database(const Store& other) const {
        if (reached != other.reached) return false;
        if (table.is_mapped == other.table.is_mapped) return identity == other.identity;
        return database == other.database && !database.empty();
    }
    // The channel of LISTEN and NOTIFY.
    std::string channel() const { return "volley_" + std::to_string(table_id); }
};

// Tells the consumers of the queue that there is something to take. Stands behind a COMMIT: inside, the lock
// that PostgreSQL takes for it would make all commits of the database wait for each other. Its own commit
// need not be on disk: consumers look also without it. `table` is quoted. Not essential.
Command notify_command(const std::string& table);

}  // namespace volley::postgresql

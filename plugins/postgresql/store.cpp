#include "store.hpp"

namespace volley::postgresql {

std::string with_table(std::string sql, const std::string& table) {
    for (std::size_t at = sql.find("$T"); at != std::string::npos; at = sql.find("$T", at + table.size()))
        sql.replace(at, 2, table);
    return sql;
}

Command notify_command(const std::string& table) {
    Command c{"SELECT pg_notify('volley_' || $1::regclass::oid::text, '')", {}, false};
    c.parameters.add_text(table);
    return c;
}

}  // namespace volley::postgresql

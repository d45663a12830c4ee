#include "settlement.hpp"

#include <algorithm>

#include "store.hpp"

namespace volley::postgresql {

namespace {

Command on_rows(const char* sql, const QueueTable& table, const ClaimedRows& rows) {
    Command c{statement(sql, table), {}};
    c.parameters.add(rows.ids).add(rows.tokens);
    return c;
}

#define VOLLEY_POSTGRESQL_ROWS " unnest($1, $2) AS a(id, token) "
#define VOLLEY_POSTGRESQL_OURS "{id} = a.id::{id_type} AND {token} = a.token AND {ready} "

}  // namespace

void ClaimedRows::add(const Delivery& delivery) {
    if (has_integer_ids)
        ids.add(number_of(delivery.id).value_or(-1));
    else
        ids.add(view_of(delivery.id));
    tokens.add(delivery.token);
    ++count;
}

Command acknowledge_command(const QueueTable& table, const ClaimedRows& rows) {
    return on_rows("{finish}" VOLLEY_POSTGRESQL_ROWS "WHERE " VOLLEY_POSTGRESQL_OURS "RETURNING {id_read}",
                   table, rows);
}

Command acknowledge_all_command(const QueueTable& table, const ClaimedRows& rows) {
    Command c = on_rows("WITH gone AS ({finish}" VOLLEY_POSTGRESQL_ROWS "WHERE " VOLLEY_POSTGRESQL_OURS
                        "RETURNING 1) SELECT 1 / (count(*) = $3)::int4 FROM gone",
                        table, rows);
    c.parameters.add(rows.count);
    return c;
}

Command still_claimed_command(const QueueTable& table, const ClaimedRows& rows) {
    return on_rows("SELECT {id_read} FROM {T} AS q JOIN" VOLLEY_POSTGRESQL_ROWS "ON " VOLLEY_POSTGRESQL_OURS,
                   table, rows);
}

Command still_there_command(const QueueTable& table, const ClaimedRows& rows) {
    return on_rows("SELECT {id_read} FROM {T} AS q JOIN" VOLLEY_POSTGRESQL_ROWS
                   "ON {id} = a.id::{id_type} AND {ready}",
                   table, rows);
}

Command extend_command(const QueueTable& table, const ClaimedRows& rows, std::int64_t lease_ms) {
    Command c = on_rows("UPDATE {T} AS q SET {extend} FROM" VOLLEY_POSTGRESQL_ROWS
                        "WHERE " VOLLEY_POSTGRESQL_OURS "RETURNING {id_read}",
                        table, rows);
    c.parameters.add(lease_ms);
    return c;
}

std::int64_t cut_delay(std::uint64_t delay_ms) {
    constexpr std::uint64_t century = 100ULL * 365 * 24 * 3600 * 1000;
    return static_cast<std::int64_t>(std::min(delay_ms, century));
}

void PutBacks::add(const Delivery& delivery, std::uint64_t delay_ms, bool counts) {
    rows.add(delivery);
    delays.add(cut_delay(delay_ms));
    uncounted.add(std::int64_t{counts ? 0 : 1});
}

Command put_back_command(const QueueTable& table, const PutBacks& put_backs) {
    Command c = on_rows(
        "UPDATE {T} AS q SET {put_back} FROM unnest($1, $2, $3, $4) AS a(id, token, delay, uncounted) "
        "WHERE " VOLLEY_POSTGRESQL_OURS "RETURNING {id_read}",
        table, put_backs.rows);
    c.parameters.add(put_backs.delays).add(put_backs.uncounted);
    return c;
}

std::set<std::string> ids_of(const PGresult* rows) {
    std::set<std::string> ids;
    for (int row = 0; row < PQntuples(rows); ++row) ids.insert(id_at(rows, row));
    return ids;
}

}  // namespace volley::postgresql

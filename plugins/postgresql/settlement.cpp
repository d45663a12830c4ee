#include "settlement.hpp"

#include <algorithm>

#include "store.hpp"

namespace volley::postgresql {

namespace {

Command on_rows(const char* sql, const std::string& table, const ClaimedRows& rows) {
    Command c{with_table(sql, table), {}};
    c.parameters.add(rows.ids).add(rows.tokens);
    return c;
}

}  // namespace

Command acknowledge_command(const std::string& table, const ClaimedRows& rows) {
    return on_rows(
        "DELETE FROM $T USING unnest($1, $2) AS a(id, token) WHERE $T.id = a.id AND $T.token = a.token "
        "RETURNING $T.id",
        table, rows);
}

Command acknowledge_all_command(const std::string& table, const ClaimedRows& rows) {
    Command c = on_rows(
        "WITH gone AS (DELETE FROM $T USING unnest($1, $2) AS a(id, token) WHERE $T.id = a.id AND "
        "$T.token = a.token RETURNING 1) SELECT 1 / (count(*) = $3)::int4 FROM gone",
        table, rows);
    c.parameters.add(rows.count);
    return c;
}

Command still_claimed_command(const std::string& table, const ClaimedRows& rows) {
    return on_rows(
        "SELECT $T.id FROM $T JOIN unnest($1, $2) AS a(id, token) ON $T.id = a.id AND $T.token = a.token",
        table, rows);
}

Command still_there_command(const std::string& table, const ClaimedRows& rows) {
    return on_rows("SELECT $T.id FROM $T JOIN unnest($1, $2) AS a(id, token) ON $T.id = a.id", table, rows);
}

Command extend_command(const std::string& table, const ClaimedRows& rows, std::int64_t lease_ms) {
    Command c = on_rows(
        "UPDATE $T SET visible_at = statement_timestamp() + $3 * interval '1 ms' "
        "FROM unnest($1, $2) AS a(id, token) WHERE $T.id = a.id AND $T.token = a.token RETURNING $T.id",
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

Command put_back_command(const std::string& table, const PutBacks& put_backs) {
    Command c = on_rows(
        "UPDATE $T SET visible_at = CASE WHEN a.delay > 0 THEN statement_timestamp() + a.delay * interval '1 "
        "ms' "
        "END, token = NULL, owner = NULL, attempts = greatest(attempts - a.uncounted::int4, 0) "
        "FROM unnest($1, $2, $3, $4) AS a(id, token, delay, uncounted) "
        "WHERE $T.id = a.id AND $T.token = a.token RETURNING $T.id",
        table, put_backs.rows);
    c.parameters.add(put_backs.delays).add(put_backs.uncounted);
    return c;
}

std::set<std::int64_t> ids_of(const PGresult* rows) {
    std::set<std::int64_t> ids;
    for (int row = 0; row < PQntuples(rows); ++row) ids.insert(integer(rows, row, 0));
    return ids;
}

}  // namespace volley::postgresql

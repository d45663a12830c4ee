#include "claims.hpp"

#include <algorithm>
#include <limits>

#include "page.hpp"

namespace volley::postgresql {

namespace {

constexpr std::int64_t claim_lock =
    0x766c6c79;  // the first half of the advisory lock; the second is the table

// How far a claim searches for messages whose keys no other consumer holds.
constexpr std::int64_t window = 2000;

// Messages whose delay or lease has ended. Limited, so that a million messages that become due together do
// not make a claim take a minute.
constexpr const char* promote_sql =
    "UPDATE {T} AS q SET {free} WHERE {id} IN (SELECT {id} FROM {T} AS q WHERE {visible_at} <= "
    "statement_timestamp() AND {ready} ORDER BY {visible_at}, {id} LIMIT 10000 FOR UPDATE SKIP LOCKED)";

// $1 token, $2 owner, $3 lease in ms, $4 count, $5 bytes, $6 window.
#define VOLLEY_POSTGRESQL_UPDATE \
    "UPDATE {T} AS q SET {claim} WHERE {id} IN (SELECT id FROM locked) AND $6 > 0"

constexpr const char* claim_sql =
    "WITH ahead AS MATERIALIZED (SELECT {ranked}, {size} AS size FROM {T} AS q "
    "WHERE {visible_at} IS NULL AND {ready} ORDER BY {order} LIMIT $4 FOR UPDATE SKIP LOCKED), "
    "placed AS (SELECT id, sum(size) OVER (ORDER BY {rank}) - size AS before FROM ahead), "
    "locked AS (SELECT id FROM placed WHERE before < $5) " VOLLEY_POSTGRESQL_UPDATE;

// Under the advisory lock, so that no two claims see the same key as free. A message with a token keeps its
// key busy, whatever the time: promote_sql removes the token of each lease that has ended, except for a
// locked row, whose owner may be committing, and for rows beyond its limit. A lease can also end between the
// two statements. Its message is then not claimed here, so the messages behind it must also wait.
constexpr const char* ordered_claim_sql =
    "WITH busy AS MATERIALIZED (SELECT DISTINCT {key} AS key FROM {T} AS q WHERE {token} IS NOT NULL AND "
    "{key} IS NOT NULL AND {owner} IS DISTINCT FROM $2 AND {ready}), "
    "ahead AS MATERIALIZED (SELECT {ranked}, {key} AS key, {size} AS size FROM {T} AS q "
    "WHERE {visible_at} IS NULL AND {ready} ORDER BY {order} "
    "LIMIT CASE WHEN EXISTS (SELECT FROM busy) THEN $4 + $6 ELSE $4 END), "
    "placed AS (SELECT id, sum(size) OVER (ORDER BY {rank}) - size AS before, "
    "row_number() OVER (ORDER BY {rank}) AS place FROM ahead "
    "WHERE key IS NULL OR NOT key IN (SELECT key FROM busy)), "
    "locked AS MATERIALIZED (SELECT {id} AS id FROM {T} AS q WHERE {id} IN (SELECT id FROM placed WHERE "
    "before < $5 "
    "AND place <= $4) "
    "AND {visible_at} IS NULL AND {ready} FOR UPDATE SKIP LOCKED) " VOLLEY_POSTGRESQL_UPDATE;

constexpr const char* fetch_sql =
    "SELECT {columns} FROM {T} AS q WHERE {token} = $1 AND {ready} ORDER BY {order}";

constexpr const char* give_back_sql = "UPDATE {T} AS q SET {give_back} WHERE {token} = $1";

constexpr const char* look_sql =
    "SELECT coalesce((SELECT greatest((extract(epoch FROM {visible_at} - statement_timestamp()) * "
    "1000)::int8, "
    "0) FROM {T} AS q WHERE {visible_at} IS NOT NULL AND {visible_at} < 'infinity' AND {ready} "
    "ORDER BY {visible_at} LIMIT 1), -1), "
    "EXISTS (SELECT FROM {T} AS q WHERE {visible_at} IS NULL AND {ready})";

}  // namespace

Claims::Claims(const PostgresqlConfig& config)
    : ordered_(config.ordered),
      lease_ms_(config.lease_ms),
      random_(std::random_device{}()),
      owner_(static_cast<std::int64_t>(random_() >> 33)),
      claims_(static_cast<std::uint32_t>(random_())) {}

void Claims::set_table(const QueueTable& table) {
    promote_ = statement(promote_sql, table);
    claim_ = statement(ordered_ ? ordered_claim_sql : claim_sql, table);
    fetch_ = statement(fetch_sql, table);
    give_back_ = statement(give_back_sql, table);
    look_ = statement(look_sql, table);
}

// A claim need not be on disk, because a lost claim is harmless. It also fixes the indexes to use, because
// the statistics of a table that is empty now and has a million rows in a minute mislead the planner.
Command Claims::settings(Session& session, std::uint32_t table_id) const {
    Command c{
        "SELECT set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true), "
        "set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true), "
        "set_config('lock_timeout', $1, true)",
        {}};
    c.parameters.add_text(std::to_string(session.statement_timeout_ms()));
    if (ordered_) {
        c.sql += ", pg_advisory_xact_lock($2::int4, $3::int4)";
        c.parameters.add(claim_lock).add(std::int64_t{static_cast<std::int32_t>(table_id)});
    }
    return c;
}

Claims::Taken Claims::take(Session& session, std::uint32_t table_id, std::uint32_t count,
                           std::uint64_t max_bytes) {
    const std::int64_t token = owner_ << 32 | claims_++;
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    Command claim{claim_, {}}, fetch{fetch_, {}};
    claim.parameters.add(token).add(owner_).add(std::int64_t{lease_ms_}).add(std::int64_t{count});
    claim.parameters.add(static_cast<std::int64_t>(max_bytes == 0 ? most : std::min(max_bytes, most)))
        .add(window);
    fetch.parameters.add(token);
    unheard_ = token;
    // The rows are fetched after the claim is committed: otherwise a consumer that is suspended while it
    // reads them would hold the lock and block all others.
    std::vector<Rows> results = session.run({{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {}},
                                             settings(session, table_id),
                                             {promote_, {}},
                                             std::move(claim),
                                             {"COMMIT", {}},
                                             std::move(fetch)},
                                            Effect::none, "taking messages");
    unheard_ = 0;
    return {token, std::move(results.back())};
}

void Claims::give_back_unheard(Session& session) {
    if (unheard_ == 0) return;
    Command c{give_back_, {}};
    c.parameters.add(unheard_);
    session.run({std::move(c)}, Effect::none, "giving back messages");
    unheard_ = 0;
}

Outlook Claims::look(Session& session) const {
    const auto results = session.run({{look_, {}}}, Effect::none, "looking for messages");
    return {integer(results[0].get(), 0, 0), integer(results[0].get(), 0, 1) != 0};
}

}  // namespace volley::postgresql

#include "claims.hpp"

#include <algorithm>
#include <limits>

#include "page.hpp"

namespace volley::postgresql {

namespace {

constexpr std::int64_t claim_lock =
    0x766c6c79;  // the first half of the advisory lock; the second is the table

// How far a claim looks for messages whose keys no other consumer has.
constexpr std::int64_t window = 2000;

// What has been delayed or leased long enough. A limit: a million messages that are due at once are no reason
// for a claim to take a minute.
constexpr const char* promote_sql =
    "UPDATE $T SET visible_at = NULL, token = NULL, owner = NULL WHERE id IN (SELECT id FROM $T "
    "WHERE visible_at <= statement_timestamp() ORDER BY visible_at, id LIMIT 10000 FOR UPDATE SKIP LOCKED)";

// $1 token, $2 owner, $3 lease in ms, $4 count, $5 bytes, $6 window.
#define VOLLEY_POSTGRESQL_SIZE \
    "coalesce(octet_length(body), 0)::int8 + coalesce(octet_length(key), 0) AS size"
#define VOLLEY_POSTGRESQL_UPDATE                                                                     \
    "UPDATE $T SET token = $1, owner = $2, attempts = least(attempts, 1000000000) + 1, "             \
    "visible_at = statement_timestamp() + $3 * interval '1 ms' WHERE id IN (SELECT id FROM locked) " \
    "AND $6 > 0"

constexpr const char* claim_sql =
    "WITH ahead AS MATERIALIZED (SELECT id, priority, " VOLLEY_POSTGRESQL_SIZE
    " FROM $T WHERE visible_at IS NULL ORDER BY priority DESC, id LIMIT $4 FOR UPDATE SKIP LOCKED), "
    "placed AS (SELECT id, sum(size) OVER (ORDER BY priority DESC, id) - size AS before FROM ahead), "
    "locked AS (SELECT id FROM placed WHERE before < $5) " VOLLEY_POSTGRESQL_UPDATE;

// Under the advisory lock, so that no two claims see the same key as free. A message that has a token keeps its
// key busy, whatever the clock says: promote_sql takes the token of each lease that has ended, except of a row
// that is locked, whose owner may be committing, and of what is past its limit. A lease can also end between the
// two statements. Its message is then not taken here, so the messages behind it must wait too.
constexpr const char* ordered_claim_sql =
    "WITH busy AS MATERIALIZED (SELECT DISTINCT key FROM $T WHERE token IS NOT NULL AND key IS NOT NULL "
    "AND owner IS DISTINCT FROM $2), "
    "ahead AS MATERIALIZED (SELECT id, priority, key, " VOLLEY_POSTGRESQL_SIZE
    " FROM $T WHERE visible_at IS NULL ORDER BY priority DESC, id "
    "LIMIT CASE WHEN EXISTS (SELECT FROM busy) THEN $4 + $6 ELSE $4 END), "
    "placed AS (SELECT id, sum(size) OVER (ORDER BY priority DESC, id) - size AS before, "
    "row_number() OVER (ORDER BY priority DESC, id) AS place FROM ahead "
    "WHERE key IS NULL OR NOT key IN (SELECT key FROM busy)), "
    "locked AS MATERIALIZED (SELECT id FROM $T WHERE id IN (SELECT id FROM placed WHERE before < $5 AND "
    "place <= $4) "
    "AND visible_at IS NULL FOR UPDATE SKIP LOCKED) " VOLLEY_POSTGRESQL_UPDATE;

constexpr const char* fetch_sql =
    "SELECT " VOLLEY_POSTGRESQL_COLUMNS " FROM $T WHERE token = $1 ORDER BY priority DESC, id";

constexpr const char* give_back_sql =
    "UPDATE $T SET visible_at = NULL, token = NULL, owner = NULL, attempts = greatest(attempts - 1, 0) "
    "WHERE token = $1";

constexpr const char* look_sql =
    "SELECT coalesce((SELECT greatest((extract(epoch FROM visible_at - statement_timestamp()) * 1000)::int8, "
    "0) "
    "FROM $T WHERE visible_at IS NOT NULL AND visible_at < 'infinity' ORDER BY visible_at LIMIT 1), -1), "
    "EXISTS (SELECT FROM $T WHERE visible_at IS NULL)";

}  // namespace

Claims::Claims(const PostgresqlConfig& config, const std::string& table)
    : promote_(with_table(promote_sql, table)),
      claim_(with_table(config.ordered ? ordered_claim_sql : claim_sql, table)),
      fetch_(with_table(fetch_sql, table)),
      give_back_(with_table(give_back_sql, table)),
      look_(with_table(look_sql, table)),
      ordered_(config.ordered),
      lease_ms_(config.lease_ms),
      random_(std::random_device{}()),
      owner_(static_cast<std::int64_t>(random_() >> 1)) {}

// A claim need not be on disk: nothing is lost with it. And it knows which indexes it wants; statistics of a
// table that is empty now and has a million rows in a minute mislead.
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
    const auto token = static_cast<std::int64_t>(random_() >> 1);
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    Command claim{claim_, {}}, fetch{fetch_, {}};
    claim.parameters.add(token).add(owner_).add(std::int64_t{lease_ms_}).add(std::int64_t{count});
    claim.parameters.add(static_cast<std::int64_t>(max_bytes == 0 ? most : std::min(max_bytes, most)))
        .add(window);
    fetch.parameters.add(token);
    unheard_ = token;
    // The rows are fetched when the claim is committed: a consumer that is stopped in the middle of reading
    // them would otherwise keep the lock, and all others with it.
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

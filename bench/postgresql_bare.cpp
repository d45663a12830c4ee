// bench_postgresql_bare DSN SCHEMA FROM TO COUNT: moves COUNT messages from one queue of postgresql.so to
// another with libpq alone: a claim and the rows it took in one round trip, then the acks and the outputs in
// one transaction. Prints the seconds from the first claim to the last commit.
#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

[[noreturn]] void fail(PGconn* c) {
    std::fprintf(stderr, "%s\n", PQerrorMessage(c));
    std::exit(1);
}

struct Statement {
    std::string sql;
    std::vector<std::string> values;
};

// All of them in one round trip; returns the rows of the last.
Rows run(PGconn* c, const std::vector<Statement>& statements) {
    for (const Statement& s : statements) {
        std::vector<const char*> values;
        for (const std::string& value : s.values) values.push_back(value.c_str());
        if (PQsendQueryParams(c, s.sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                              nullptr, nullptr, 0) != 1)
            fail(c);
    }
    if (PQpipelineSync(c) != 1) fail(c);
    Rows last(nullptr, &PQclear);
    for (;;) {
        Rows rows(PQgetResult(c), &PQclear);
        if (rows == nullptr) continue;
        const ExecStatusType status = PQresultStatus(rows.get());
        if (status == PGRES_PIPELINE_SYNC) return last;
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(c);
        last = std::move(rows);
    }
}

void add(std::string& array, const char* value) { array.append(array.size() > 1 ? "," : "").append(value); }

// A bytea in hex form, as an element of an array.
void add_bytes(std::string& array, const PGresult* rows, int row, int column) {
    array.append(array.size() > 1 ? "," : "");
    if (PQgetisnull(rows, row, column) != 0)
        array.append("NULL");
    else
        array.append("\"\\").append(PQgetvalue(rows, row, column)).append("\"");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) return 64;
    PGconn* c = PQconnectdb(argv[1]);
    if (PQstatus(c) != CONNECTION_OK || PQenterPipelineMode(c) != 1) fail(c);
    const std::string schema = argv[2];
    const std::string from = schema + ".\"" + argv[3] + "\"", to = schema + ".\"" + argv[4] + "\"";
    const std::string claim =
        "WITH busy AS MATERIALIZED (SELECT DISTINCT key FROM " + from +
        " WHERE token IS NOT NULL AND key IS NOT NULL AND owner IS DISTINCT FROM 1 AND visible_at > "
        "statement_timestamp()), ahead AS MATERIALIZED (SELECT id, priority, key FROM " +
        from +
        " WHERE visible_at IS NULL ORDER BY priority DESC, id LIMIT CASE WHEN EXISTS (SELECT FROM busy) THEN "
        "2512 ELSE "
        "512 END), locked AS MATERIALIZED (SELECT id FROM " +
        from +
        " WHERE id IN (SELECT id FROM ahead WHERE key IS NULL OR NOT key IN (SELECT key FROM busy) ORDER BY "
        "priority "
        "DESC, id LIMIT 512) AND visible_at IS NULL FOR UPDATE SKIP LOCKED) UPDATE " +
        from +
        " SET token = $1, owner = 1, attempts = attempts + 1, visible_at = statement_timestamp() + interval "
        "'30 s' "
        "WHERE id IN (SELECT id FROM locked)";
    const std::string promote =
        "UPDATE " + from + " SET visible_at = NULL, token = NULL, owner = NULL WHERE id IN (SELECT id FROM " +
        from +
        " WHERE visible_at <= statement_timestamp() ORDER BY visible_at, id LIMIT 10000 FOR UPDATE SKIP "
        "LOCKED)";
    const std::string fetch =
        "SELECT id, key, body FROM " + from + " WHERE token = $1 ORDER BY priority DESC, id";
    const std::string ack = "DELETE FROM " + from + " USING unnest($1::int8[]) AS a(id) WHERE " + from +
                            ".id = a.id AND " + from + ".token = $2";
    const std::string insert =
        "INSERT INTO " + to + " (key, body) SELECT * FROM unnest($1::bytea[], $2::bytea[])";

    const long count = std::atol(argv[5]);
    const auto start = std::chrono::steady_clock::now();
    for (long moved = 0, batch = 1; moved < count; ++batch) {
        const std::string token = std::to_string(batch);
        const Rows rows =
            run(c, {{"BEGIN", {}},
                    {"SELECT set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', "
                     "'off', true), "
                     "set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true), "
                     "pg_advisory_xact_lock(1, 2)",
                     {}},
                    {promote, {}},
                    {claim, {token}},
                    {"COMMIT", {}},
                    {fetch, {token}}});
        std::string ids = "{", keys = "{", bodies = "{";
        for (int row = 0; row < PQntuples(rows.get()); ++row) {
            add(ids, PQgetvalue(rows.get(), row, 0));
            add_bytes(keys, rows.get(), row, 1);
            add_bytes(bodies, rows.get(), row, 2);
        }
        run(c,
            {{"BEGIN", {}}, {ack, {ids + "}", token}}, {insert, {keys + "}", bodies + "}"}}, {"COMMIT", {}}});
        moved += PQntuples(rows.get());
    }
    std::printf("%.3f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    PQfinish(c);
}

#include "migration.hpp"

#include "embedded.hpp"

namespace volley::postgresql {

namespace {

constexpr int version = 1;
constexpr std::int64_t migration_lock = 0x766f6c6c6579;  // any number; the same in every release

struct Found {
    bool has_schema = false, has_version = false;
    std::uint32_t table = 0;
    bool is_queue = false;  // the table has a queue's columns
};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

std::string literal(const std::string& text) { return "'" + replaced(text, "'", "''") + "'::text"; }

Found look(Session& session, const std::string& schema, const std::string& table) {
    Command c{
        "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL, "
        "coalesce(to_regclass($3)::oid::int8, 0), "
        "current_setting('server_encoding') = 'UTF8', pg_is_in_recovery(), "
        "(SELECT count(*) = 11 FROM pg_attribute WHERE attrelid = to_regclass($3) AND NOT attisdropped AND "
        "attname = "
        "ANY('{id,priority,key,headers,body,message_id,visible_at,attempts,token,owner,created}'))",
        {}};
    c.parameters.add_text(identifier(schema)).add_text(identifier(schema) + ".volley_schema").add_text(table);
    const auto results = session.run({c}, Effect::none, "looking at the schema");
    const PGresult* row = results[0].get();
    if (integer(row, 0, 3) == 0)
        throw Error(
            ErrorCode::config,
            session.where() + ": the database's encoding is not UTF8; create one with ENCODING 'UTF8'",
            "/dsn");
    if (integer(row, 0, 4) != 0)
        throw Error(
            ErrorCode::retry,
            session.where() +
                ": this server is a read-only replica, or has not been promoted yet; name the primary in "
                "`dsn`, or all hosts with target_session_attrs=read-write");
    return {integer(row, 0, 0) != 0, integer(row, 0, 1) != 0, static_cast<std::uint32_t>(integer(row, 0, 2)),
            integer(row, 0, 5) != 0};
}

std::string read_identity(Session& session, const std::string& schema) {
    const auto results =
        session.run({{"SELECT version, identity::text, (SELECT oid::int8 FROM pg_database WHERE "
                      "datname = current_database()) FROM " +
                          identifier(schema) + ".volley_schema",
                      {}}},
                    Effect::none, "reading the schema's version");
    const PGresult* row = results[0].get();
    const std::int64_t found = PQntuples(row) == 1 ? integer(row, 0, 0) : 0;
    if (found == version)
        return std::string(text_of(bytes(row, 0, 1))) + '/' + std::to_string(integer(row, 0, 2));
    throw Error(ErrorCode::config,
                session.where() + ": the schema " + identifier(schema) + " has version " +
                    std::to_string(found) + ", and this postgresql.so knows version " +
                    std::to_string(version) + "; install the Volley that made it, or set another `schema`",
                "/schema");
}

// One process at a time, which checks again under the lock: another process may have migrated meanwhile.
void migrate(Session& session, const std::string& schema, const std::string& table) {
    session.script("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(" +
                       std::to_string(migration_lock) + ")",
                   "waiting for the turn to make the schema");
    try {
        const Found found = look(session, schema, table);
        std::string sql;
        if (!found.has_schema) sql += "CREATE SCHEMA " + identifier(schema) + ";";
        if (!found.has_version)
            sql += replaced(replaced(sql_schema, "{schema}", identifier(schema)), "{name}", literal(schema));
        if (found.table == 0) sql += replaced(sql_queue, "{table}", table);
        session.script(sql + ";COMMIT", "making the schema and the queue's table");
    } catch (const Error&) {
        if (session.is_open()) session.close();  // and thereby the transaction
        throw;
    }
}

std::string reached_by(PGconn* c) {
    const auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
    return text(PQhost(c)) + '\n' + text(PQport(c)) + '\n' + text(PQdb(c)) + '\n' + text(PQuser(c));
}

// A name of the database that is unique among all servers; empty if the role may not query it.
std::string database_of(Session& session) {
    const auto may = session.run({{"SELECT has_function_privilege('pg_control_system()', 'EXECUTE')", {}}},
                                 Effect::none, "asking for rights");
    if (integer(may[0].get(), 0, 0) == 0) return {};
    const auto results =
        session.run({{"SELECT system_identifier::text || '/' || (SELECT oid FROM pg_database WHERE "
                      "datname = current_database()) FROM pg_control_system()",
                      {}}},
                    Effect::none, "asking which server it is");
    return std::string(text_of(bytes(results[0].get(), 0, 0)));
}

Store open_mapped(Session& session, const PostgresqlConfig& config, const std::string& queue, Use use) {
    Store store;
    MappedTable mapped = read_mapped_table(session, *config.mapping, table_of(config, queue), use);
    store.database = database_of(session);
    if (store.database.empty())
        throw Error(ErrorCode::config,
                    session.where() +
                        ": the role may not ask which server this is: GRANT EXECUTE ON FUNCTION "
                        "pg_control_system() TO " +
                        identifier(PQuser(session.get())),
                    "/dsn");
    store.identity = "database/" + store.database;
    store.reached = reached_by(session.get());
    store.table_id = mapped.id;
    store.table = std::move(mapped.table);
    store.advice = std::move(mapped.advice);
    return store;
}

}  // namespace

Store open_store(Session& session, const PostgresqlConfig& config, const std::string& queue, Use use) {
    session.open();
    if (config.mapping) {
        Store store = open_mapped(session, config, queue, use);
        session.set_stage(Stage::again);
        return store;
    }
    const std::string table = table_name(config.schema, queue);
    Found found = look(session, config.schema, table);
    if (!found.has_version || found.table == 0) {
        if (session.stage() == Stage::again)
            throw Error(ErrorCode::retry,
                        session.where() + ": the table " + table +
                            " was dropped while it was in use; restore it, or start again to "
                            "make a new one");
        if (!config.create)
            throw Error(ErrorCode::config,
                        session.where() + ": the table " + table +
                            " is missing, and `create` is false; let a role that may make it start once with "
                            "`create: true`",
                        "/create");
        migrate(session, config.schema, table);
        found = look(session, config.schema, table);
    }
    if (!found.is_queue)
        throw Error(
            ErrorCode::config,
            session.where() + ": the table " + table +
                " has not the columns of a queue; is it another program's? Set another `schema` or `value`",
            "/schema");
    Store store;
    store.identity = read_identity(session, config.schema);
    store.database = database_of(session);
    store.table_id = found.table;
    store.reached = reached_by(session.get());
    store.table = own_table(table);
    session.set_stage(Stage::again);
    return store;
}

}  // namespace volley::postgresql

// A connector of one's own: a PostgreSQL table as a queue, one message at a time. Build it with
// CMakeLists.txt beside it.
#include <libpq-fe.h>

#include <volley/plugin.hpp>

// One connection; values travel as parameters.
struct Database {
    explicit Database(const volley::Context& c) : dsn(c.config("dsn")), table(c.value()) {}
    ~Database() { PQfinish(pg); }
    Database(const Database&) = delete;

    using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;
    // $T is the table. Fails with retry: the engine backs off and tries again.
    Rows run(std::string sql, const std::vector<std::string>& values = {}) {
        connect();
        for (auto at = sql.find("$T"); at != std::string::npos; at = sql.find("$T")) sql.replace(at, 2, name);
        std::vector<const char*> raw;
        for (const auto& v : values) raw.push_back(v.c_str());
        const int n = static_cast<int>(raw.size());
        Rows rows(PQexecParams(pg, sql.c_str(), n, nullptr, raw.data(), nullptr, nullptr, 0), &PQclear);
        const auto status = PQresultStatus(rows.get());
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return rows;
        throw volley::Error(volley::ErrorCode::retry, PQerrorMessage(pg));
    }

    void connect() {
        if (pg != nullptr && PQstatus(pg) == CONNECTION_OK) return;
        PQfinish(pg);
        pg = PQconnectdb(dsn.c_str());
        if (PQstatus(pg) != CONNECTION_OK) throw volley::Error(volley::ErrorCode::retry, PQerrorMessage(pg));
        char* quoted = PQescapeIdentifier(pg, table.data(), table.size());
        name = quoted;
        PQfreemem(quoted);
        run("CREATE TABLE IF NOT EXISTS $T (id bigserial PRIMARY KEY, body text NOT NULL, "
            "visible_at timestamptz NOT NULL DEFAULT now())");
    }

    std::string dsn, table, name;
    PGconn* pg = nullptr;
};

// A message that is taken is hidden for a minute: one whose worker was killed comes back by itself.
struct MyPGConsumer : volley::Consumer {
    explicit MyPGConsumer(const volley::Context& c) : db(c) {}

    std::optional<volley::QueueMessage> consume(std::string_view) override {
        const auto rows = db.run(
            "UPDATE $T SET visible_at = now() + interval '60 s' WHERE id = (SELECT id FROM $T "
            "WHERE visible_at <= now() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, body");
        if (PQntuples(rows.get()) == 0) return std::nullopt;
        return volley::QueueMessage{PQgetvalue(rows.get(), 0, 0), PQgetvalue(rows.get(), 0, 1)};
    }
    bool delete_message(std::string_view, std::string_view id) override {
        return changed(db.run("DELETE FROM $T WHERE id = $1", {std::string(id)}));
    }
    bool on_fail(std::string_view, std::string_view id) override {
        return changed(
            db.run("UPDATE $T SET visible_at = now() + interval '1 s' WHERE id = $1", {std::string(id)}));
    }
    static bool changed(const Database::Rows& rows) {
        return std::string_view(PQcmdTuples(rows.get())) == "1";
    }
    Database db;
};

struct MyPGProducer : volley::Producer {
    explicit MyPGProducer(const volley::Context& c) : db(c) {}

    bool produce(std::string_view, std::string_view message, const volley::Options&) override {
        db.run("INSERT INTO $T (body) VALUES ($1)", {std::string(message)});
        return true;
    }
    Database db;
};

VOLLEY_PLUGIN("postgres", "1.0.0", VOLLEY_CLASS(MyPGConsumer), VOLLEY_CLASS(MyPGProducer));

#include "connection.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "embedded.hpp"

namespace volley::sqlite {

namespace {

// Larger than SQLite's 1000 pages: a checkpoint syncs the database, and a busy queue would do it many times a
// second.
constexpr const char* pragmas =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA journal_size_limit = 67108864;";

struct Meaning {
    ErrorCode code;
    const char* what_to_do;
};

Meaning meaning_of(int code) {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {ErrorCode::retry, "another process holds the database"};
        case SQLITE_FULL:
            return {ErrorCode::retry, "free some space on its disk"};
        case SQLITE_IOERR:
            return {ErrorCode::retry, "look at its disk"};
        case SQLITE_NOMEM:
            return {ErrorCode::retry, "free some memory"};
        case SQLITE_NOTADB:
            return {ErrorCode::config, "this is no SQLite database; correct `path`, or move the file away"};
        case SQLITE_CANTOPEN:
            return {ErrorCode::config, "does its folder exist, and may this user write there?"};
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY:
            return {ErrorCode::config, "let this user write the file and its folder"};
        case SQLITE_TOOBIG:
            return {ErrorCode::too_large, "a value is over SQLite's limit"};
        case SQLITE_CORRUPT:
            return {ErrorCode::fatal, "restore a backup, or try `sqlite3 FILE .recover`"};
        case SQLITE_ERROR:
            return {ErrorCode::config,
                    "does another program use the table volley_messages? Set another `path`"};
        default:
            return {ErrorCode::fatal, "see https://sqlite.org/rescode.html"};
    }
}

// Bytes that are text for SQL: UTF-8, no zero byte (SQLite's functions end there).
bool is_plain_text(std::string_view s) {
    const auto* p = reinterpret_cast<const unsigned char*>(s.data());
    const auto* end = p + s.size();
    while (p < end) {
        const unsigned c = *p;
        if (c - 1u < 0x7fu) {
            ++p;
            continue;
        }
        const int more = c >= 0xc2 && c < 0xe0   ? 1
                         : c >= 0xe0 && c < 0xf0 ? 2
                         : c >= 0xf0 && c < 0xf5 ? 3
                                                 : 0;
        if (more == 0 || end - p <= more) return false;
        for (int i = 1; i <= more; ++i)
            if ((p[i] & 0xc0) != 0x80) return false;
        const bool overlong = (c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90);
        const bool outside = (c == 0xed && p[1] > 0x9f) || (c == 0xf4 && p[1] > 0x8f);
        if (overlong || outside) return false;
        p += more + 1;
    }
    return true;
}

}  // namespace

// ---- Connection

Connection::Connection(const SqliteConfig& config)
    : path_(config.path), busy_timeout_ms_(config.busy_timeout_ms) {
    constexpr int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(path_.c_str(), &db_, flags, nullptr);
    try {
        if (code != SQLITE_OK) fail(code, "opening");
        sqlite3_busy_handler(db_, &Connection::wait_for_writer, this);
        set_up();
    } catch (...) {
        sqlite3_close(db_);
        throw;
    }
}

Connection::~Connection() { sqlite3_close(db_); }

void Connection::set_up() {
    static std::mutex one_at_a_time;  // making the table and changing to WAL take the file for themselves
    const std::lock_guard lock(one_at_a_time);
    execute(pragmas);
    execute(sql_schema);
    store_ = store_of(path_);  // not earlier: SQLite makes the file at the first write
    is_set_up_ = true;
}

// SQLite's own waits up to 100 ms at a time; writers here are done in a few.
int Connection::wait_for_writer(void* self, int tries) {
    constexpr std::uint32_t pause_ms = 1;
    const auto& connection = *static_cast<Connection*>(self);
    if (static_cast<std::uint32_t>(tries) * pause_ms >= connection.busy_timeout_ms_) return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    return 1;
}

void Connection::execute(const char* sql) {
    const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, "setting up");
}

void Connection::set_durability(Durability durability) {
    if (durability == durability_) return;
    execute(durability == Durability::on_disk ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    durability_ = durability;
}

void Connection::fail(int code, const char* doing) const {
    Meaning meaning = meaning_of(code);
    // What worked when we started is no mistake in the configuration: rights and files come back.
    if (is_set_up_ && meaning.code == ErrorCode::config) meaning.code = ErrorCode::retry;
    Error error(meaning.code, path_ + ": " + doing + " failed: " +
                                  (db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(code)) + "; " +
                                  meaning.what_to_do);
    if (meaning.code == ErrorCode::config) error.field = "/path";
    throw error;
}

// ---- Statement

Statement::Statement(Connection& connection, const char* sql) : connection_(connection) {
    const int code =
        sqlite3_prepare_v3(connection.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
    if (code != SQLITE_OK) connection.fail(code, "preparing a statement");
}

void Statement::check(int code) const {
    if (code != SQLITE_OK) connection_.fail(code, "a parameter");
}

Statement& Statement::bind(int index, std::int64_t value) {
    check(sqlite3_bind_int64(statement_, index, value));
    return *this;
}

Statement& Statement::bind(int index, volley_view value) {
    if (value.data == nullptr) return bind_null(index);
    const auto* bytes = static_cast<const char*>(value.data);
    if (is_plain_text(text_of(value))) {
        check(sqlite3_bind_text64(statement_, index, bytes, value.size, SQLITE_STATIC, SQLITE_UTF8));
    } else {
        check(sqlite3_bind_blob64(statement_, index, bytes, value.size, SQLITE_STATIC));
    }
    return *this;
}

Statement& Statement::bind_null(int index) {
    check(sqlite3_bind_null(statement_, index));
    return *this;
}

bool Statement::step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(statement_);
        return false;
    }
    // The reset ends the statement; its text of the error stays until the next call.
    sqlite3_reset(statement_);
    connection_.fail(code, "a statement");
}

void Statement::run() {
    while (step()) {
    }
}

volley_view Statement::bytes(int column) const {
    const int type = sqlite3_column_type(statement_, column);
    if (type == SQLITE_NULL) return {};
    const void* data = type == SQLITE_BLOB
                           ? sqlite3_column_blob(statement_, column)
                           : static_cast<const void*>(sqlite3_column_text(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return view_of({static_cast<const char*>(data), size});
}

// ---- Transaction

Transaction::Transaction(Connection& connection, Durability durability)
    : turn_(connection.store().writing), connection_(connection) {
    connection.set_durability(durability);
    const int code = sqlite3_exec(connection.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) connection.fail(code, "waiting for the turn to write");
}

Transaction::~Transaction() {
    if (open_) sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    const int code = sqlite3_exec(connection_.get(), "COMMIT", nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) connection_.fail(code, "committing");
    open_ = false;
}

std::int64_t now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t visible_at(std::int64_t now, std::uint64_t delay_ms) {
    constexpr std::uint64_t century = 100ULL * 365 * 24 * 3600 * 1000;
    return delay_ms == 0 ? 0 : now + static_cast<std::int64_t>(std::min(delay_ms, century));
}

}  // namespace volley::sqlite

#include "connection.hpp"

#include <algorithm>
#include <cerrno>
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
        case SQLITE_PROTOCOL:
            return {ErrorCode::retry, "another process holds the database"};
        case SQLITE_ABORT:
        case SQLITE_INTERRUPT:
        case SQLITE_SCHEMA:
            return {ErrorCode::retry, "another statement was in the way"};
        case SQLITE_CONSTRAINT:
            return {ErrorCode::permanent, "a constraint or a trigger of the database refuses the row"};
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
            return {ErrorCode::config, "restore a backup, or try `sqlite3 FILE .recover`"};
        case SQLITE_ERROR:
            return {ErrorCode::config,
                    "does another program use the table volley_messages or volley_store? Set another `path`"};
        default:
            return {ErrorCode::fatal, "see https://sqlite.org/rescode.html"};
    }
}

// The reason why a file cannot be opened now but may be openable soon.
bool is_passing(int system_error) {
    return system_error == EMFILE || system_error == ENFILE || system_error == ENOMEM ||
           system_error == ENOSPC || system_error == EIO;
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

Connection::Connection(const SqliteConfig& config, Opens opens)
    : path_(config.path),
      busy_timeout_ms_(config.busy_timeout_ms),
      watch_(config.path),
      worked_before_(opens == Opens::again) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (opens == Opens::first ? SQLITE_OPEN_CREATE : 0);
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
    static std::mutex one_at_a_time;  // creating the table and changing to WAL lock the file exclusively
    const std::lock_guard lock(one_at_a_time);
    execute(pragmas);
    execute(sql_schema);
    // Not earlier: SQLite creates the file at the first write.
    int moved = 0;
    const bool is_there = watch_.remember();
    sqlite3_file_control(db_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (!is_there || moved != 0)
        throw Error(ErrorCode::retry, path_ + ": the file was moved or replaced while it was opened");
    store_ = store_of(path_);
    identity_ = read_identity();
    worked_before_ = true;
}

// The inode distinguishes a database from a copy of it, which has the same random id.
std::string Connection::read_identity() {
    const auto find = [this] {
        Statement statement(*this, "SELECT identity FROM volley_store WHERE one = 1");
        std::string found;
        if (statement.step()) found = text_of(statement.bytes(0));
        return found;
    };
    std::string identity = find();
    if (identity.empty()) {
        execute(
            "INSERT INTO volley_store (one, identity) VALUES (1, lower(hex(randomblob(16)))) "
            "ON CONFLICT (one) DO UPDATE SET identity = excluded.identity WHERE identity = ''");
        identity = find();
    }
    return identity + '/' + std::to_string(watch_.inode());
}

bool Connection::is_replaced() {
    switch (watch_.look()) {
        case FileWatch::State::same:
            return false;
        case FileWatch::State::replaced:
            return true;
        case FileWatch::State::gone:
            throw Error(ErrorCode::retry,
                        path_ +
                            ": the file was moved away or deleted while it was in use; put a database "
                            "there, or restart to make a new one");
        case FileWatch::State::changing:
            break;
    }
    throw Error(ErrorCode::retry,
                path_ + ": another file was put there; it is opened when nothing writes to it any more");
}

// SQLite's own busy handler waits up to 100 ms at a time; writers here need only a few.
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
    if ((code & 0xff) == SQLITE_CANTOPEN && db_ != nullptr && is_passing(sqlite3_system_errno(db_)))
        meaning = {ErrorCode::retry, "the system is short of something; it is tried again"};
    // A file that could be opened at startup is not a mistake in the configuration: permissions and files can
    // come back.
    if (!worked_before_ && meaning.code == ErrorCode::permanent) meaning.code = ErrorCode::config;
    const bool is_broken = (code & 0xff) == SQLITE_CORRUPT;
    if (worked_before_ && meaning.code == ErrorCode::config && !is_broken) meaning.code = ErrorCode::retry;
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
    // The reset ends the statement; its error text stays valid until the next call.
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
    if (data == nullptr && type != SQLITE_BLOB) connection_.fail(SQLITE_NOMEM, "reading a row");
    return view_of({static_cast<const char*>(data), size});
}

std::int64_t Statement::integer(int column, std::int64_t most) const {
    const int type = sqlite3_column_type(statement_, column);
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return 0;
    return std::clamp<std::int64_t>(integer(column), 0, most);
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

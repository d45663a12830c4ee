// An SQLite connection, its statements and transactions. Failures throw Error, with advice. Thread: one at a
// time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config.hpp"
#include "file_watch.hpp"
#include "store.hpp"
#include "volley/view.hpp"

namespace volley::sqlite {

// What a commit guarantees. A claim need not wait for the disk: a power failure loses the claims together
// with the processes that made them.
enum class Durability { on_disk, in_order };

class Connection {
public:
    enum class Opens { first, again };

    // Opens the database and creates its tables. The first time, it creates a missing file, and a failure is
    // a mistake in the configuration; later, failures are retried. Blocks up to the busy timeout.
    explicit Connection(const SqliteConfig& config, Opens opens = Opens::first);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    sqlite3* get() const { return db_; }
    // The state that the connections of this process to the same file share.
    Store& store() const { return *store_; }
    const std::shared_ptr<Store>& store_pointer() const { return store_; }
    // Identifies the database permanently. Another database, or a copy of this one, has a different identity.
    const std::string& identity() const { return identity_; }
    // True if another database is at the path now: open a new connection. Throws Error{retry} while there is
    // none, or one that may still be written.
    bool is_replaced();
    // Checks the same without an error: is the data that was just written in the file that others open?
    bool is_at_path() { return watch_.look() == FileWatch::State::same; }
    void execute(const char* sql);
    void set_durability(Durability durability);
    // Rows that the last statement changed.
    int changes() const { return sqlite3_changes(db_); }
    // Throws the Error for the result code.
    [[noreturn]] void fail(int code, const char* doing) const;

private:
    static int wait_for_writer(void* self, int tries);
    void set_up();
    std::string read_identity();

    std::string path_;
    std::uint32_t busy_timeout_ms_;
    sqlite3* db_ = nullptr;
    std::shared_ptr<Store> store_;
    FileWatch watch_;
    std::string identity_;
    Durability durability_ = Durability::on_disk;
    bool worked_before_;
};

// A prepared statement. bind() counts parameters from 1, as SQL does; columns count from 0.
class Statement {
public:
    Statement(Connection& connection, const char* sql);
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& bind(int index, std::int64_t value);
    // Binds text if it is UTF-8 without a zero byte, so that SQL can work with it; otherwise a blob; absent:
    // NULL. Borrows until the next reset.
    Statement& bind(int index, volley_view value);
    Statement& bind(int index, std::string_view value) { return bind(index, view_of(value)); }
    Statement& bind_null(int index);
    // Returns whether there is a row. Without one, the statement is reset.
    bool step();
    // Runs the statement to its end.
    void run();
    void reset() { sqlite3_reset(statement_); }

    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    // A number that another program wrote: 0 if it is not a number, clamped to 0 and `most`.
    std::int64_t integer(int column, std::int64_t most) const;
    // Valid until the next step or reset.
    volley_view bytes(int column) const;

private:
    void check(int code) const;

    Connection& connection_;
    sqlite3_stmt* statement_ = nullptr;
};

// BEGIN IMMEDIATE … COMMIT; rolled back unless committed. Writers of this process wait for each other here,
// so that SQLite's busy wait is only for other processes.
class Transaction {
public:
    Transaction(Connection& connection, Durability durability);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit();

private:
    std::unique_lock<std::mutex> turn_;
    Connection& connection_;
    bool open_ = true;
};

// Unix, milliseconds.
std::int64_t now_ms();

// The time at which a message that is delayed by `delay_ms` from `now` becomes visible; 0: immediately. The
// delay is limited to a century.
std::int64_t visible_at(std::int64_t now, std::uint64_t delay_ms);

}  // namespace volley::sqlite

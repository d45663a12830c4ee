// An SQLite connection, its statements and transactions. Failures are thrown as Error, with what to do.
// Thread: one at a time.
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

// What a commit promises. Where losing it costs nothing but work, waiting for the disk would be for nothing:
// a power cut takes the claims away together with those who made them.
enum class Durability { on_disk, in_order };

class Connection {
public:
    enum class Opens { first, again };

    // Opens the database and makes its tables. At first a missing file is made, and what is wrong is a
    // mistake in the configuration; again it is waited for. Blocks up to the busy timeout.
    explicit Connection(const SqliteConfig& config, Opens opens = Opens::first);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    sqlite3* get() const { return db_; }
    // What the connections of this process to the same file share.
    Store& store() const { return *store_; }
    const std::shared_ptr<Store>& store_pointer() const { return store_; }
    // Names the database for good: another one, or a copy of it, has another.
    const std::string& identity() const { return identity_; }
    // Another database is at the path now: open a new connection. Throws Error{retry} while there is none, or
    // one that may still be written.
    bool is_replaced();
    // The same, without an error: is what was just written in the file that others open?
    bool is_at_path() { return watch_.look() == FileWatch::State::same; }
    void execute(const char* sql);
    void set_durability(Durability durability);
    // Rows that the last statement changed.
    int changes() const { return sqlite3_changes(db_); }
    // Throws what the result code means.
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
    // Text where it is UTF-8 without a zero byte, so that SQL can work with it; else a blob; absent: NULL.
    // Borrows until the next reset.
    Statement& bind(int index, volley_view value);
    Statement& bind(int index, std::string_view value) { return bind(index, view_of(value)); }
    Statement& bind_null(int index);
    // Returns whether there is a row. Without one, the statement is reset.
    bool step();
    // Runs it to its end.
    void run();
    void reset() { sqlite3_reset(statement_); }

    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    // A number of another program's making: 0 if it is none, cut to what lies between 0 and `most`.
    std::int64_t integer(int column, std::int64_t most) const;
    // Valid until the next step or reset.
    volley_view bytes(int column) const;

private:
    void check(int code) const;

    Connection& connection_;
    sqlite3_stmt* statement_ = nullptr;
};

// BEGIN IMMEDIATE … COMMIT; rolled back unless committed. Takes its turn among the writers of this process,
// so that SQLite's sleeping wait is only for those of others.
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

// When a message that is put off for `delay_ms` from `now` on is visible: 0 at once. A century is as long as
// ever.
std::int64_t visible_at(std::int64_t now, std::uint64_t delay_ms);

}  // namespace volley::sqlite

// An SQLite connection, its statements and transactions. Failures are thrown as Error, with what to do.
// Thread: one at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config.hpp"
#include "store.hpp"
#include "volley/view.hpp"

namespace volley::sqlite {

// What a commit promises. Where losing it costs nothing but work, waiting for the disk would be for nothing:
// a power cut takes the claims away together with those who made them.
enum class Durability { on_disk, in_order };

class Connection {
public:
    // Opens or makes the database and its table. Blocks up to the busy timeout.
    explicit Connection(const SqliteConfig& config);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    sqlite3* get() const { return db_; }
    // What the connections of this process to the same file share.
    Store& store() const { return *store_; }
    const std::shared_ptr<Store>& store_pointer() const { return store_; }
    void execute(const char* sql);
    void set_durability(Durability durability);
    // Rows that the last statement changed.
    int changes() const { return sqlite3_changes(db_); }
    // Throws what the result code means.
    [[noreturn]] void fail(int code, const char* doing) const;

private:
    static int wait_for_writer(void* self, int tries);
    void set_up();

    std::string path_;
    std::uint32_t busy_timeout_ms_;
    sqlite3* db_ = nullptr;
    std::shared_ptr<Store> store_;
    Durability durability_ = Durability::on_disk;
    bool is_set_up_ = false;
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

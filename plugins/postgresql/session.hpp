// A connection that is reopened when it breaks, and round trips on it. It relies on no state of the server's
// session, so that a pooler may use a different one for each transaction. Thread: one at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connect.hpp"
#include "parameters.hpp"

namespace volley::postgresql {

struct ClearRows {
    void operator()(PGresult* rows) const { PQclear(rows); }
};
using Rows = std::unique_ptr<PGresult, ClearRows>;

struct Command {
    std::string sql;
    Parameters parameters;
    bool is_essential = true;  // false: its failure is ignored; only at the end
};

// The consequence of a lost connection: none, because the commands had no effect or their effect does not
// matter; or an unknown outcome, which is VOLLEY_E_UNKNOWN.
enum class Effect { none, commits };

class Session {
public:
    explicit Session(Server server) : server_(std::move(server)) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    bool is_open() const { return connection_ != nullptr; }
    // Throws Error; see failure.hpp.
    void open();
    void close() { connection_.reset(); }

    // Runs all commands in one round trip and one transaction, except for commands after an explicit COMMIT.
    // Returns a result for each essential one. Throws the first error; then the transaction had no effect,
    // except with VOLLEY_E_UNKNOWN. `doing` completes "… failed".
    std::vector<Rows> run(const std::vector<Command>& commands, Effect effect, const char* doing);
    // Statements without parameters or results, separated by semicolons.
    void script(const std::string& sql, const char* doing);

    // From now on errors are not mistakes in the configuration.
    void set_stage(Stage stage) { stage_ = stage; }
    Stage stage() const { return stage_; }
    // SQLSTATE of the last failure; empty if the server did not report it.
    const std::string& sqlstate() const { return sqlstate_; }
    const std::string& where() const { return where_; }
    PGconn* get() const { return connection_.get(); }
    std::uint32_t statement_timeout_ms() const { return server_.statement_timeout_ms; }

private:
    Rows next_result(Clock::time_point deadline, Effect effect, const char* doing);
    void send(const std::vector<Command>& commands, const char* doing);
    void note(const PGresult* failed);
    [[noreturn]] void give_up(Effect effect, const std::string& what, const char* doing);
    [[noreturn]] void fail(Effect effect, const char* doing);
    void roll_back();

    Server server_;
    std::string where_ = "PostgreSQL";
    Connection connection_;
    Stage stage_ = Stage::first;
    std::string sqlstate_;
    std::string message_;  // the primary one of the last failure
};

}  // namespace volley::postgresql

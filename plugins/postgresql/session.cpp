#include "session.hpp"

#include <algorithm>

namespace volley::postgresql {

void Session::open() {
    close();
    connection_ = connect(server_, stage_);
    where_ = where_of(connection_.get());
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);  // not to standard error
}

// The connection can no longer be used.
void Session::give_up(Effect effect, const std::string& what, const char* doing) {
    close();
    sqlstate_.clear();
    if (effect == Effect::commits)
        throw Error(ErrorCode::unknown,
                    where_ + ": " + doing + ": " + what + "; it may or may not be committed");
    throw Error(ErrorCode::retry, where_ + ": " + doing + " failed: " + what + "; it is tried again");
}

void Session::note(const PGresult* failed) {
    const char* state = PQresultErrorField(failed, PG_DIAG_SQLSTATE);
    const char* primary = PQresultErrorField(failed, PG_DIAG_MESSAGE_PRIMARY);
    sqlstate_ = state != nullptr ? state : "";
    message_ = primary != nullptr ? primary : PQresultErrorMessage(failed);
    while (!message_.empty() && message_.back() == '\n') message_.pop_back();
    if (message_.empty()) message_ = "the connection is lost";
}

void Session::fail(Effect effect, const char* doing) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) give_up(effect, message_, doing);
    const std::string state = sqlstate_, message = message_;
    roll_back();
    sqlstate_ = state;
    throw error_of({state, message}, stage_, where_, doing);
}

void Session::roll_back() {
    if (PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
    try {
        const auto deadline = Clock::now() + std::chrono::milliseconds(server_.statement_timeout_ms);
        send({{"ROLLBACK", {}}}, "rolling back");
        while (PQresultStatus(next_result(deadline, Effect::none, "rolling back").get()) !=
               PGRES_PIPELINE_SYNC) {
        }
    } catch (const Error&) {
        close();
    }
}

void Session::send(const std::vector<Command>& commands, const char* doing) {
    for (const Command& command : commands)
        if (command.parameters.send(connection_.get(), command.sql.c_str()) != 1)
            give_up(Effect::none, PQerrorMessage(connection_.get()), doing);
    if (PQpipelineSync(connection_.get()) != 1)
        give_up(Effect::none, PQerrorMessage(connection_.get()), doing);
}

// Returns null at the end of a command's results.
Rows Session::next_result(Clock::time_point deadline, Effect effect, const char* doing) {
    PGconn* c = connection_.get();
    for (;;) {
        const int unsent = PQflush(c);
        // A socket that the client library has closed is never ready.
        if (PQsocket(c) < 0 || (unsent >= 0 && PQisBusy(c) == 0)) return Rows(PQgetResult(c));
        if (!wait_for_socket(c, true, unsent > 0, deadline))
            give_up(effect, "no answer within " + std::to_string(server_.statement_timeout_ms) + " ms",
                    doing);
        if (PQconsumeInput(c) == 0) {
            // Messages that the server sent before it closed the connection must still be read.
            if (PQisBusy(c) != 0) give_up(effect, "the connection is lost", doing);
            return Rows(PQgetResult(c));
        }
    }
}

std::vector<Rows> Session::run(const std::vector<Command>& commands, Effect effect, const char* doing) {
    if (!is_open()) throw Error(ErrorCode::retry, where_ + ": " + doing + ": there is no connection");
    const auto deadline = Clock::now() + std::chrono::milliseconds(server_.statement_timeout_ms);
    send(commands, doing);
    std::vector<Rows> results;
    bool failed = false, at_end = false;
    for (int ends = 0; !at_end;) {
        Rows rows = next_result(deadline, effect, doing);
        if (rows == nullptr) {
            if (PQstatus(connection_.get()) != CONNECTION_OK && ++ends > 1) break;
            continue;
        }
        switch (PQresultStatus(rows.get())) {
            case PGRES_PIPELINE_SYNC:
                at_end = true;
                break;
            case PGRES_COMMAND_OK:
            case PGRES_TUPLES_OK:
                results.push_back(std::move(rows));
                break;
            case PGRES_PIPELINE_ABORTED:
                break;
            default:
                if (!failed) note(rows.get());
                failed = true;
        }
    }
    const auto essential =
        std::count_if(commands.begin(), commands.end(), [](const Command& c) { return c.is_essential; });
    if (static_cast<std::ptrdiff_t>(results.size()) < essential) {
        if (failed) fail(effect, doing);
        give_up(effect, "the connection is lost", doing);
    }
    if (!at_end || PQstatus(connection_.get()) != CONNECTION_OK) close();
    return results;
}

void Session::script(const std::string& sql, const char* doing) {
    if (!is_open()) throw Error(ErrorCode::retry, where_ + ": " + doing + ": there is no connection");
    PGconn* c = connection_.get();
    const auto deadline = Clock::now() + std::chrono::milliseconds(server_.statement_timeout_ms);
    PQexitPipelineMode(c);
    if (PQsendQuery(c, sql.c_str()) != 1) give_up(Effect::none, PQerrorMessage(c), doing);
    bool failed = false;
    while (Rows rows = next_result(deadline, Effect::none, doing)) {
        if (PQresultStatus(rows.get()) != PGRES_FATAL_ERROR) continue;
        if (!failed) note(rows.get());
        failed = true;
    }
    if (PQstatus(c) != CONNECTION_OK)
        give_up(Effect::none, failed ? message_ : "the connection is lost", doing);
    PQenterPipelineMode(c);
    if (failed) fail(Effect::none, doing);
}

}  // namespace volley::postgresql

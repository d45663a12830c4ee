#include "failure.hpp"

#include <cctype>

namespace volley::postgresql {

namespace {

struct Meaning {
    ErrorCode code;
    const char* what_to_do;
};

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

Meaning meaning_of_connection(std::string_view state) {
    if (state == "28P01") return {ErrorCode::unauthorized, "correct `password`, or the user in `dsn`"};
    if (begins(state, "28"))
        return {ErrorCode::unauthorized,
                "correct the user in `dsn`, or let it in: pg_hba.conf of the server"};
    if (state == "3D000") return {ErrorCode::config, "correct the database in `dsn`, or create it"};
    if (state == "53300") return {ErrorCode::retry, "raise max_connections, or put a pooler between"};
    if (state == "57P03") return {ErrorCode::retry, "it is tried again"};
    return {ErrorCode::retry, "is it the right host and port, and does the server run?"};
}

Meaning meaning_of(std::string_view state) {
    if (begins(state, "28") || state == "3D000") return meaning_of_connection(state);
    if (state == "42501")
        return {ErrorCode::config, "grant the role of `dsn` what it lacks; README.md lists the rights"};
    if (state == "25006")
        return {ErrorCode::retry,
                "this server or role only reads: name the primary in `dsn`; with several hosts add "
                "target_session_attrs=read-write"};
    if (state == "42P01" || state == "3F000")
        return {ErrorCode::config, "the table is gone; start again to make it anew, or restore it"};
    if (begins(state, "42"))
        return {ErrorCode::config,
                "does another program use a table of this name? Set another `schema` or `value`"};
    if (state == "54000") return {ErrorCode::too_large, "make the message smaller"};
    if (is_of_row(state))
        return {ErrorCode::permanent, "a constraint or a trigger of the database refuses the row"};
    if (state == "53100") return {ErrorCode::retry, "free some space on the server's disk"};
    if (state == "XX001" || state == "XX002")
        return {ErrorCode::fatal, "the server's data is damaged; restore a backup"};
    if (state == "40P01" || state == "40001" || state == "55P03" || state == "57014")
        return {ErrorCode::retry, "another transaction was in the way"};
    return {ErrorCode::retry, "it is tried again"};
}

}  // namespace

bool is_of_row(std::string_view state) {
    return begins(state, "22") || begins(state, "23") || begins(state, "P0") || state == "44000" ||
           state == "54000";
}

Error error_of(const Refusal& refusal, Stage stage, const std::string& where, const std::string& doing) {
    Meaning meaning = meaning_of(refusal.sqlstate);
    if (refusal.sqlstate.empty() || begins(refusal.sqlstate, "08"))
        meaning = meaning_of_connection(refusal.sqlstate);
    if (stage == Stage::again && meaning.code == ErrorCode::config) meaning.code = ErrorCode::retry;
    std::string text = where + ": " + doing + " failed: " + refusal.text;
    if (!refusal.sqlstate.empty()) text += " (SQLSTATE " + refusal.sqlstate + ")";
    Error error(meaning.code, text + "; " + meaning.what_to_do);
    if (meaning.code == ErrorCode::config) error.field = "/dsn";
    return error;
}

// "…failed: FATAL:  28P01: password authentication failed…\nLOCATION:  …"
Refusal refusal_of_verbose(std::string_view message) {
    Refusal refusal;
    const auto is_state = [&](std::size_t at) {
        if (at + 7 > message.size() || message[at + 5] != ':' || message[at + 6] != ' ') return false;
        for (std::size_t i = at; i < at + 5; ++i)
            if (std::isdigit(static_cast<unsigned char>(message[i])) == 0 &&
                (message[i] < 'A' || message[i] > 'Z'))
                return false;
        return true;
    };
    for (std::size_t at = message.find(":  "); at != std::string_view::npos;
         at = message.find(":  ", at + 1)) {
        if (!is_state(at + 3)) continue;
        refusal.sqlstate = message.substr(at + 3, 5);
        message.remove_prefix(at + 10);
        break;
    }
    message = message.substr(0, refusal.sqlstate.empty() ? std::string_view::npos : message.find('\n'));
    for (const char c : message) refusal.text.push_back(c == '\n' || c == '\t' ? ' ' : c);
    while (!refusal.text.empty() && refusal.text.back() == ' ') refusal.text.pop_back();
    return refusal;
}

}  // namespace volley::postgresql

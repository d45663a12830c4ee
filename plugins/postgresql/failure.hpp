// What a refusal of the server means, by its SQLSTATE. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "volley/error.hpp"

namespace volley::postgresql {

// At the start, what is wrong with rights, names or credentials is a mistake in the configuration. What
// worked once is not: it comes back, or a person brings it back.
enum class Stage { first, again };

struct Refusal {
    std::string sqlstate;  // empty: the client library says so, not the server
    std::string text;      // the primary message; no detail, which may quote rows
};

// `where` names the server, `doing` what was tried.
Error error_of(const Refusal& refusal, Stage stage, const std::string& where, const std::string& doing);

// Is it about the row, so that others may succeed?
bool is_of_row(std::string_view sqlstate);

// Takes the SQLSTATE out of a message of PQERRORS_VERBOSE.
Refusal refusal_of_verbose(std::string_view message);

}  // namespace volley::postgresql

// The meaning of an error of the server, by its SQLSTATE. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "volley/error.hpp"

namespace volley::postgresql {

// At startup, wrong privileges, names or credentials are a mistake in the configuration. If they worked
// before, they are not: they may be restored.
enum class Stage { first, again };

struct Refusal {
    std::string sqlstate;  // empty: the error is from the client library, not the server
    std::string text;      // the primary message; no detail, which may quote rows
};

// `where` names the server, `doing` the operation.
Error error_of(const Refusal& refusal, Stage stage, const std::string& where, const std::string& doing);

// True if the error concerns the row, so that others may succeed.
bool is_of_row(std::string_view sqlstate);

// Extracts the SQLSTATE from a message of PQERRORS_VERBOSE.
Refusal refusal_of_verbose(std::string_view message);

}  // namespace volley::postgresql

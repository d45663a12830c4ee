// The checks of `volley handler-check`, each with a fresh child.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conformance/session.hpp"
#include "conformance/verdict.hpp"

namespace volley::cli::conformance {

struct Check {
    std::string name;
    std::string about;
    bool echo = false;  // only for the echo program of plugin_api/protocol/README.md
    std::function<Verdict(const Program&)> run;
};

// In the order in which they run. The first one is "starts": without it the others have no meaning.
std::vector<Check> all_checks();

// Parts of all_checks().
std::vector<Check> generic_checks();
std::vector<Check> ability_checks();
std::vector<Check> end_checks();
std::vector<Check> echo_checks();

// Starts the program and judges it. A program that cannot be started has failed.
Verdict in_session(const Program& program, std::uint32_t concurrency,
                   const std::function<Verdict(Session&)>& judge);

// The verdict on a program that did not answer all of `sent`.
Verdict not_answered(Session& session, const std::string& sent);

}  // namespace volley::cli::conformance

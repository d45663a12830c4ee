// Lines for programs of which nothing is known.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conformance/suite.hpp"

namespace volley::cli::conformance {

// {"id":"7",…}: `members` follow the id.
std::string line_of(std::uint64_t id, const std::string& members);
// A message with the body of the program.
std::string plain(std::uint64_t id, const Program& program);
// Sends so many of them, with the ids that follow the last one.
void send_plain(Session& session, const Program& program, std::uint64_t count);
// "one message", "50 messages at once": for a reason.
std::string messages(std::size_t count);

// A form of a message.
struct Shape {
    const char* name;
    std::string members;
};
// Sends a message of each form, and waits for its answer.
Verdict shapes_answered(const Program& program, const std::vector<Shape>& shapes);

}  // namespace volley::cli::conformance

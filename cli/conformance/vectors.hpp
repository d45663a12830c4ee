// The test vectors of the protocol (plugin_api/protocol/vectors), compiled in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conformance/same_json.hpp"
#include "conformance/spoken.hpp"

namespace volley::cli::conformance {

struct Vector {
    std::string name;
    std::string about;
    std::string hint;   // what an author can do
    std::string needs;  // an ability of the first line; empty: none
    Numbers numbers = Numbers::digits;
    std::vector<std::string> lines;    // for standard input
    std::vector<std::string> answers;  // one for each message, in any order
};

std::vector<Vector> all_vectors();
// Throws std::runtime_error for a text that is not a vector.
Vector read_vector(std::string_view json);

// The messages of an input line: one, or those of a batch. Empty for a cancellation.
std::vector<Sent> messages_of(std::string_view line);

// What differs between an answer and the expected one; nothing if they say the same. A reason of `true`
// stands for any reason.
std::optional<std::string> find_difference(const Spoken& expected, const Spoken& came, Numbers numbers);

}  // namespace volley::cli::conformance

// A part of compare(): dead letters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "testing/differences.hpp"

namespace volley::cli::testing {

// The value of the first header of this name that has one; null: there is none.
const std::string* header_of(const Stored& stored, std::string_view name);

// Whether the engine has made the record from a message that was given up.
bool is_letter_record(const Stored& stored);
// Of which message. Requires: is_letter_record().
MessageNumber message_of(const Stored& stored);

// `place` is where the test file lists dead letters.
std::vector<Difference> compare_dead_letters(std::vector<ExpectedLetter> wanted,
                                             std::vector<const Stored*> got, const Mark& place);

}  // namespace volley::cli::testing

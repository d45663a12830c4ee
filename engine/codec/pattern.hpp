// The schema keyword `pattern`, matched without recursion. std::regex as valijson uses it recurses for each
// character: a message of some thousand could end the process, or hang it where the expression backtracks.
// So the keyword is renamed in the schema before it is compiled, and the new name is this.
#pragma once

#include <rapidjson/document.h>

#include <cstddef>

namespace valijson {
class SchemaParser;
}

namespace volley::codec {

// Longer strings are not matched: where a pattern applies to one, it is a violation.
inline constexpr std::size_t longest_for_pattern = 16 * 1024;
// Of names under `patternProperties`, whose expressions valijson matches itself, with recursion.
inline constexpr std::size_t longest_name = 512;

// Renames the keyword, and writes counts such as 2.0 as 2, in every part of `schema`, and not where "pattern"
// is the name of a property or data. Throws std::runtime_error where a name under `patternProperties` is no
// regular expression.
void rename_patterns(rapidjson::Document& schema);

// Makes the parser know the renamed keyword. A pattern that is no regular expression, or refers back to a
// group, throws std::runtime_error while the schema is parsed.
void add_bounded_pattern(valijson::SchemaParser& parser);

}  // namespace volley::codec

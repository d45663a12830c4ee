// The keywords of JSON Schema that are checked here rather than by valijson, which for some of them lets a
// message end or hang the process (std::regex recurses for each character: `pattern`, `format`; each element
// is compared with each: `uniqueItems`), and for others is wrong (`type: integer` and 1.0; `format` and what
// is no string). They are renamed in the schema before it is compiled, and the new names are these.
#pragma once

#include <rapidjson/document.h>

#include <cstddef>
#include <string>

namespace valijson {
class SchemaParser;
}

namespace volley::codec {

// Longer strings are not matched: where a pattern applies to one, it is a violation.
inline constexpr std::size_t longest_for_pattern = 16 * 1024;
// Of names under `patternProperties`, whose expressions valijson matches itself, with recursion.
inline constexpr std::size_t longest_name = 512;

// So many violations of one message are collected at most: it ends the check.
inline constexpr std::size_t most_violations = 100;
struct EnoughViolations {};

// Renames the keywords, and writes counts such as 2.0 as 2, in every part of `schema`, and not where a
// keyword is the name of a property or data. Throws std::runtime_error where a name under `patternProperties`
// is no regular expression.
void rename_keywords(rapidjson::Document& schema);

// Makes the parser know the renamed keywords. A pattern that is no regular expression, or refers back to a
// group, throws std::runtime_error while the schema is parsed. Checking may throw EnoughViolations.
void add_keywords(valijson::SchemaParser& parser);

// RFC 3339, as `format` asks for it: "date", "time" or "date-time"; true for another format.
bool fits_format(const std::string& format, const std::string& text);

}  // namespace volley::codec

// Keywords of JSON Schema that are checked here and not by valijson. With some of them a message can end or
// block the process: std::regex recurses for each character (`pattern`, `format`), and `uniqueItems` compares
// all pairs. With others valijson is wrong (`type: integer` with 1.0; `format` with values that are not
// strings). They are renamed in the schema before it is compiled, and these are their new names.
#pragma once

#include <rapidjson/document.h>

#include <cstddef>
#include <string>

namespace valijson {
class SchemaParser;
}

namespace volley::codec {

// A longer string violates its `pattern` without a match.
inline constexpr std::size_t longest_for_pattern = 16 * 1024;
// Limits names under `patternProperties`, whose expressions valijson matches recursively.
inline constexpr std::size_t longest_name = 512;

// The check of a message ends after so many violations.
inline constexpr std::size_t most_violations = 100;
struct EnoughViolations {};

// Renames the keywords in all parts of `schema`, but not names of properties or data. Writes counts such as
// 2.0 as 2. Throws std::runtime_error if a name under `patternProperties` is not a valid regular expression.
void rename_keywords(rapidjson::Document& schema);

// Registers the renamed keywords with the parser. If a pattern is invalid or has a back-reference, parsing
// the schema throws std::runtime_error. Checking can throw EnoughViolations.
void add_keywords(valijson::SchemaParser& parser);

// Checks the formats "date", "time" and "date-time" by RFC 3339. Returns true for other formats.
bool fits_format(const std::string& format, const std::string& text);

}  // namespace volley::codec

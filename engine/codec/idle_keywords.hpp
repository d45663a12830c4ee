// Finds members of a JSON Schema that have no effect although the author expected one: misspelt keywords,
// keywords of later drafts, and keywords beside a $ref.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace volley::codec {

struct IdleKeyword {
    std::string pointer;  // in the schema
    std::string text;     // "requird" is no keyword of draft-07 and checks nothing
    std::string help;     // the keyword of draft-07 instead; empty: it may be misspelt
};

// The keywords of draft-07.
std::vector<std::string> keyword_names();

// Returns them in the order of the schema. Skips annotations (title, examples, x-…).
std::vector<IdleKeyword> idle_keywords(std::string_view schema);

}  // namespace volley::codec

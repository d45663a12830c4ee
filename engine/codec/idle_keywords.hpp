// Members of a JSON Schema that check nothing, though their author meant them to: misspelt keywords, those of
// later drafts, and those beside a $ref.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace volley::codec {

struct IdleKeyword {
    std::string pointer;  // in the schema
    std::string text;     // "requird" is no keyword of draft-07 and checks nothing
    std::string help;     // what draft-07 has instead; empty: it may be misspelt
};

// Those of draft-07.
std::vector<std::string> keyword_names();

// In the order of the schema. What only describes (title, examples, x-…) is not among them.
std::vector<IdleKeyword> idle_keywords(std::string_view schema);

}  // namespace volley::codec

// Checks JSON text without a document where none is needed, and parses it once where a schema or a key needs
// one.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::codec {

// Deeper JSON is refused, because functions that walk a document recurse.
inline constexpr std::size_t max_depth = 64;

struct JsonShape {
    bool is_object = false;
    bool has_large = false;  // whole numbers above the largest signed 64-bit integer
};

// How many texts this thread has parsed. For tests.
inline thread_local std::uint64_t parsed_texts = 0;

// Returns why `text` is not valid JSON, with line and column, or nothing. Allocates only if the nesting is
// deeper than in earlier calls.
std::optional<std::string> check_json(std::string_view text, JsonShape* shape);

// The same, and makes a document in the same pass.
std::optional<std::string> parse_json(std::string_view text, rapidjson::Document& document,
                                      JsonShape* shape = nullptr);

// Returns which key occurs twice in one object, or nothing.
std::optional<std::string> repeated_key(const rapidjson::Value& document);

// Returns the whole number in `text` that fits neither a signed nor an unsigned 64-bit integer, or nothing.
// Requires: `text` is valid JSON.
std::optional<std::string> number_beyond_64_bits(std::string_view text);

}  // namespace volley::codec

// JSON text: checked without a document where nobody needs one, parsed once where a schema or a key does.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::codec {

// Deeper JSON is refused: walkers of a document recurse, and a stack is finite.
inline constexpr std::size_t max_depth = 64;

struct JsonShape {
    bool is_object = false;
    bool has_large = false;  // whole numbers above the largest of a signed integer of 64 bits
};

// How many texts this thread has parsed: tests count them.
inline thread_local std::uint64_t parsed_texts = 0;

// Returns why `text` is no JSON (with line and column), or nothing. Allocates only for deeper nesting than
// before.
std::optional<std::string> check_json(std::string_view text, JsonShape* shape);

// The same in one go with making a document. Requires nothing of `text`.
std::optional<std::string> parse_json(std::string_view text, rapidjson::Document& document,
                                      JsonShape* shape = nullptr);

// Returns that a key stands twice in one object, and which.
std::optional<std::string> repeated_key(const rapidjson::Value& document);

// Returns which whole number in `text` fits neither a signed nor an unsigned integer of 64 bits. Requires:
// `text` is JSON.
std::optional<std::string> number_beyond_64_bits(std::string_view text);

}  // namespace volley::codec

// Converts MessagePack to JSON text and back. Numbers stay exact. What JSON cannot represent (binary data,
// extensions, keys that are not strings) is an error.
#pragma once

#include <rapidjson/document.h>

#include <optional>
#include <string>
#include <string_view>

namespace volley::codec {

// Replaces `json`. Returns why `bytes` cannot be converted, or nothing.
std::optional<std::string> msgpack_to_json(std::string_view bytes, std::string& json);

// The same as a tree, which must be empty. `has_large`: see JsonShape.
std::optional<std::string> msgpack_to_tree(std::string_view bytes, rapidjson::Document& tree,
                                           bool& has_large);

// Replaces `json`.
void tree_to_json(const rapidjson::Document& tree, std::string& json);

// Replaces `bytes`. Requires: `document` was parsed with a limited depth.
void json_to_msgpack(const rapidjson::Value& document, std::string& bytes);

}  // namespace volley::codec

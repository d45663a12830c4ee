// MessagePack to JSON text and back. Numbers stay exact; what JSON cannot say (binary, extensions, keys that
// are no strings) is an error, never altered.
#pragma once

#include <rapidjson/document.h>

#include <optional>
#include <string>
#include <string_view>

namespace volley::codec {

// Replaces `json`. Returns why `bytes` cannot be JSON, or nothing.
std::optional<std::string> msgpack_to_json(std::string_view bytes, std::string& json);

// The same as a tree, which must be new. `has_large`: see JsonShape.
std::optional<std::string> msgpack_to_tree(std::string_view bytes, rapidjson::Document& tree,
                                           bool& has_large);

// Replaces `json`.
void tree_to_json(const rapidjson::Document& tree, std::string& json);

// Replaces `bytes`. Requires nothing of `document` but that it was parsed with a bounded depth.
void json_to_msgpack(const rapidjson::Value& document, std::string& bytes);

}  // namespace volley::codec

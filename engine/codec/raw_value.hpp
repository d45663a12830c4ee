// Finds a value in the text of a document: the tree has 10.10 only as 10.1.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <string_view>

namespace volley::codec {

// Returns the part of `json` that is the value at `pointer`. Requires: `tree` is the tree of `json` and has a
// value there.
std::string_view raw_value(std::string_view json, const rapidjson::Value& tree,
                           const rapidjson::Pointer& pointer);

// Whether JSON has the second half of a surrogate pair without the first ("\udc00"), which RapidJSON decodes
// to bytes that are not UTF-8. Requires: RapidJSON accepts `json`.
bool has_lone_surrogate(std::string_view json);

}  // namespace volley::codec

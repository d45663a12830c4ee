// A value as it stands in its text: a tree knows 10.10 only as 10.1.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <string_view>

namespace volley::codec {

// Returns the part of `json` that holds the value at `pointer`. Requires: `tree` is the tree of `json`, and
// has a value there.
std::string_view raw_value(std::string_view json, const rapidjson::Value& tree,
                           const rapidjson::Pointer& pointer);

// Returns whether JSON refers to the second half of a surrogate pair without the first ("\udc00"): RapidJSON
// makes bytes of it that are no UTF-8. Requires: `json` is JSON to RapidJSON.
bool has_lone_surrogate(std::string_view json);

}  // namespace volley::codec

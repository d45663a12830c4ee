// A JSON tree that preserves the digits of numbers. A plain tree turns 1.10 into 1.1.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

namespace volley::text {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

struct JsonText {
    rapidjson::Document tree;
    rapidjson::Document digits;  // the same document, with numbers as strings

    // Errors are in `tree`, as after Document::Parse().
    explicit JsonText(std::string_view json);
};

// Writes a value. `digits` is its counterpart in the tree of digits; null: there is none.
void write_as_written(const rapidjson::Value& value, const rapidjson::Value* digits, JsonWriter& writer);
std::string as_written(const rapidjson::Value& value, const rapidjson::Value* digits);

// Returns the member of that name. Returns null if there is none, or if `object` is null or not an object.
const rapidjson::Value* member_of(const rapidjson::Value* object, std::string_view name);

}  // namespace volley::text

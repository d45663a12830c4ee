// A tree of JSON whose numbers keep the digits that they were written with: to a tree alone, 1.10 is 1.1.
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
    rapidjson::Document digits;  // the same, with numbers as strings

    // Errors stay in `tree`, as after Document::Parse().
    explicit JsonText(std::string_view json);
};

// Writes a value whose counterpart among the digits is `digits`; null: it has none, and is written as it is.
void write_as_written(const rapidjson::Value& value, const rapidjson::Value* digits, JsonWriter& writer);
std::string as_written(const rapidjson::Value& value, const rapidjson::Value* digits);

// Returns the member of that name, or null: also where `object` is null or no object.
const rapidjson::Value* member_of(const rapidjson::Value* object, std::string_view name);

}  // namespace volley::text

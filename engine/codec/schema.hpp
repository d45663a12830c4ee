// A JSON Schema (draft-07), compiled once by valijson. Immutable after compile(): any thread may validate.
#pragma once

#include <rapidjson/document.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "volley/error.hpp"

namespace valijson {
class Schema;
}

namespace volley::codec {

class Schema {
public:
    // `name` is the file's, for messages. Errors: config. The text says what is wrong with the schema, with
    // advice in further lines; `field` is the pointer of the invalid part, if known.
    static Result<std::shared_ptr<const Schema>> compile(std::string_view text, const std::string& name);
    ~Schema();

    // Returns the JSON pointer, the rule that the document violates, and the beginning of the value as JSON;
    // or nothing. `has_large`: the document has whole numbers above the largest signed 64-bit integer.
    std::optional<std::string> violation(const rapidjson::Value& document, bool has_large = true) const;

private:
    Schema();
    std::unique_ptr<valijson::Schema> compiled_;
    bool matches_names_ = false;
};

}  // namespace volley::codec

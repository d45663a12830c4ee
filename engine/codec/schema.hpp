// A JSON Schema (draft-07), compiled once by valijson. Const after compile(): any thread may validate.
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
    // `name` is the file's, for messages. Errors: config, with what is wrong in the schema, advice on further
    // lines, and in `field` the pointer of the part that is wrong, where it is known.
    static Result<std::shared_ptr<const Schema>> compile(std::string_view text, const std::string& name);
    ~Schema();

    // Returns the JSON pointer, the rule that the document breaks and the value that breaks it (its
    // beginning, as JSON), or nothing. `has_large`: it has whole numbers above the largest of a signed
    // integer of 64 bits.
    std::optional<std::string> violation(const rapidjson::Value& document, bool has_large = true) const;

private:
    Schema();
    std::unique_ptr<valijson::Schema> compiled_;
    bool matches_names_ = false;
};

}  // namespace volley::codec

#include "codec/schema.hpp"

#include "codec/json.hpp"
#include "codec/valijson.hpp"

namespace volley::codec {

namespace {

// std::regex, which valijson uses for `pattern`, recurses once a character and overflows the stack on long
// strings.
constexpr std::size_t longest_for_pattern = 16 * 1024;

bool has_long_string(const rapidjson::Value& value) {
    if (value.IsString()) return value.GetStringLength() > longest_for_pattern;
    if (value.IsArray()) {
        for (const auto& element : value.GetArray()) {
            if (has_long_string(element)) return true;
        }
    }
    if (value.IsObject()) {
        for (const auto& member : value.GetObject()) {
            if (has_long_string(member.name) || has_long_string(member.value)) return true;
        }
    }
    return false;
}

// valijson names a place as <root>["a"][0]; people and JSON Schema say /a/0.
std::string pointer_of(const std::vector<std::string>& context) {
    std::string pointer;
    for (const std::string& step : context) {
        if (step == "<root>") continue;
        const bool quoted = step.size() >= 4 && step[1] == '"';
        pointer += '/' + (quoted ? step.substr(2, step.size() - 4) : step.substr(1, step.size() - 2));
    }
    return pointer.empty() ? "the message" : pointer;
}

}  // namespace

Schema::Schema() : compiled_(std::make_unique<valijson::Schema>()) {}
Schema::~Schema() = default;

Result<std::shared_ptr<const Schema>> Schema::compile(std::string_view text, const std::string& name) {
    rapidjson::Document document;
    if (auto failure = parse_json(text, document)) {
        return Error(ErrorCode::config, "schema " + name + ": " + *failure);
    }
    if (!document.IsObject() && !document.IsBool()) {
        return Error(ErrorCode::config, "schema " + name + ": a JSON Schema is an object, true or false");
    }
    if (document.IsObject() && document.HasMember("$schema") && document["$schema"].IsString()) {
        const std::string draft = document["$schema"].GetString();
        if (draft.find("draft-07") == std::string::npos && draft.find("draft-04") == std::string::npos &&
            draft.find("draft-06") == std::string::npos) {
            return Error(ErrorCode::config,
                         "schema " + name + ": " + draft +
                             " is not available; write draft-07 (http://json-schema.org/draft-07/schema#)");
        }
    }
    std::shared_ptr<Schema> schema(new Schema());
    try {
        valijson::SchemaParser parser;
        parser.populateSchema(valijson::adapters::RapidJsonAdapter(document), *schema->compiled_);
    } catch (const std::exception& e) {
        return Error(ErrorCode::config, "schema " + name + " cannot be used: " + e.what());
    }
    schema->has_pattern_ = text.find("\"pattern") != std::string_view::npos;
    return std::shared_ptr<const Schema>(std::move(schema));
}

std::optional<std::string> Schema::violation(const rapidjson::Value& document) const {
    if (has_pattern_ && has_long_string(document)) {
        return "a string is longer than " + std::to_string(longest_for_pattern) +
               " bytes, and the schema has a `pattern`: longer ones are not matched";
    }
    valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::RapidJsonAdapter target(document);
    if (validator.validate(*compiled_, target, &results)) return std::nullopt;
    // The first is the innermost: the one that a person can act on.
    valijson::ValidationResults::Error error;
    if (!results.popError(error)) return "does not fit the schema";
    return pointer_of(error.context) + ": " + error.description;
}

}  // namespace volley::codec

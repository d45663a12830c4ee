#include "codec/schema.hpp"

#include "codec/json.hpp"
#include "codec/pattern.hpp"
#include "codec/valijson.hpp"

namespace volley::codec {

namespace {

// Names are matched by `patternProperties`, whose expressions valijson compiles itself.
bool has_long_name(const rapidjson::Value& value) {
    if (value.IsArray()) {
        for (const auto& element : value.GetArray()) {
            if (has_long_name(element)) return true;
        }
    }
    if (value.IsObject()) {
        for (const auto& member : value.GetObject()) {
            if (member.name.GetStringLength() > longest_name || has_long_name(member.value)) return true;
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
        rename_patterns(document);
        valijson::SchemaParser parser;
        add_bounded_pattern(parser);
        parser.populateSchema(valijson::adapters::RapidJsonAdapter(document), *schema->compiled_);
    } catch (const std::exception& e) {
        return Error(ErrorCode::config, "schema " + name + " cannot be used: " + e.what());
    }
    schema->matches_names_ = text.find("\"patternProperties\"") != std::string_view::npos;
    return std::shared_ptr<const Schema>(std::move(schema));
}

std::optional<std::string> Schema::violation(const rapidjson::Value& document) const {
    if (matches_names_ && has_long_name(document)) {
        return "a name is longer than " + std::to_string(longest_name) +
               " bytes, and the schema has `patternProperties`: longer ones are not matched";
    }
    // It keeps the expressions that it has compiled.
    thread_local valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::RapidJsonAdapter target(document);
    try {
        if (validator.validate(*compiled_, target, &results)) return std::nullopt;
    } catch (const std::exception& e) {  // of std::regex, for want of memory
        return std::string("the schema cannot judge it: ") + e.what();
    }
    // The first is the innermost: the one that a person can act on.
    valijson::ValidationResults::Error error;
    if (!results.popError(error)) return "does not fit the schema";
    return pointer_of(error.context) + ": " + error.description;
}

}  // namespace volley::codec

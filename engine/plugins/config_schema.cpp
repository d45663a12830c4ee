#include "plugins/config_schema.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "codec/valijson.hpp"
#include "plugins/nearest.hpp"
#include "text/text.hpp"

namespace volley::plugins {

namespace {

using rapidjson::Value;

std::string as_json(const Value& value) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    value.Accept(writer);
    return {text.GetString(), text.GetSize()};
}

const Value* member(const Value* object, const char* name) {
    if (object == nullptr || !object->IsObject()) return nullptr;
    const auto it = object->FindMember(name);
    return it == object->MemberEnd() ? nullptr : &it->value;
}

// A position in both trees: the value at `pointer`, and the schema for it (null: none that this walk can
// follow).
struct Place {
    std::string pointer;
    const Value* value;
    const Value* schema;
};

const Value* schema_of_member(const Value* schema, const char* name) {
    if (const Value* found = member(member(schema, "properties"), name)) return found;
    const Value* additional = member(schema, "additionalProperties");
    return additional != nullptr && additional->IsObject() ? additional : nullptr;
}

// Describes the schema in words: "a string", "a whole number from 1 to 100", "one of "a", "b"".
std::string expected(const Value& schema) {
    if (const Value* all = member(&schema, "enum"); all != nullptr && all->IsArray()) {
        std::string out;
        for (const Value& one : all->GetArray()) out += (out.empty() ? "one of " : ", ") + as_json(one);
        return out;
    }
    std::string out;
    const auto add_type = [&out](const Value& type) {
        const std::string_view name = type.IsString() ? type.GetString() : "";
        std::string word = name == "integer"   ? "a whole number"
                           : name == "boolean" ? "true or false"
                           : name == "null"    ? "null"
                           : name == "array"   ? "a list"
                           : name == "object"  ? "a mapping"
                                               : "a " + std::string(name);
        out += (out.empty() ? "" : " or ") + word;
    };
    if (const Value* type = member(&schema, "type")) {
        if (type->IsArray()) {
            for (const Value& one : type->GetArray()) add_type(one);
        } else {
            add_type(*type);
        }
    }
    const auto add_limit = [&](const char* key, const char* word) {
        if (const Value* limit = member(&schema, key))
            out += std::string(out.empty() ? "" : " ") + word + " " + as_json(*limit);
    };
    add_limit("minimum", "from");
    add_limit("maximum", "to");
    add_limit("minLength", "of a length from");
    add_limit("maxLength", "of a length up to");
    add_limit("pattern", "that matches");
    add_limit("minItems", "with at least this many entries:");
    add_limit("const", "equal to");
    return out;
}

// Returns the last step of a pointer for a message: `"port" `, or `an entry of "hosts" `.
std::string named(const std::string& pointer) {
    if (pointer.empty()) return {};
    const std::size_t slash = pointer.rfind('/');
    const std::string name = pointer.substr(slash + 1);
    if (name.find_first_not_of("0123456789") == std::string::npos && slash > 0)
        return "an entry of " + named(pointer.substr(0, slash));
    return '"' + name + "\" ";
}

// Returns the schema's description of a value, or an empty text: "vt: seconds a message is ours".
std::string meaning_of(const Value* schema, const std::string& name) {
    const Value* meaning = member(schema, "description");
    return meaning != nullptr && meaning->IsString() ? name + ": " + meaning->GetString() : std::string();
}

bool fits(const Value& schema, const Value& value, std::string& why);

void check_members(const Place& place, std::vector<SchemaError>& errors);
void check_place(const Place& place, std::vector<SchemaError>& errors);

// Returns the schema without the keywords whose errors are found one level down or described better here.
rapidjson::Document without_members(const Value& schema) {
    rapidjson::Document own;
    own.CopyFrom(schema, own.GetAllocator());
    for (const char* key : {"properties", "additionalProperties", "required"}) own.RemoveMember(key);
    if (own.HasMember("items") && own["items"].IsObject()) own.RemoveMember("items");
    return own;
}

void check_members(const Place& place, std::vector<SchemaError>& errors) {
    const Value* known = member(place.schema, "properties");
    const Value* additional = member(place.schema, "additionalProperties");
    const bool closed = additional != nullptr && additional->IsFalse() &&
                        member(place.schema, "patternProperties") == nullptr;
    std::vector<std::string> names;
    if (known != nullptr && known->IsObject())
        for (const auto& m : known->GetObject())
            names.emplace_back(m.name.GetString(), m.name.GetStringLength());

    for (const auto& m : place.value->GetObject()) {
        const std::string name(m.name.GetString(), m.name.GetStringLength());
        const std::string pointer = place.pointer + "/" + text::pointer_step(name);
        if (const Value* schema = schema_of_member(place.schema, name.c_str())) {
            check_place({pointer, &m.value, schema}, errors);
        } else if (closed) {
            const std::string near = nearest(name, names);
            std::string help = near.empty() ? "" : "did you mean \"" + near + "\"?";
            if (near.empty()) {
                for (const std::string& n : names) help += (help.empty() ? "known keys: " : ", ") + n;
            }
            errors.push_back({pointer, "unknown key \"" + name + "\"", true, help});
        }
    }
    const Value* required = member(place.schema, "required");
    if (required == nullptr || !required->IsArray()) return;
    for (const Value& name : required->GetArray())
        if (name.IsString() && member(place.value, name.GetString()) == nullptr)
            errors.push_back(
                {place.pointer, "the key \"" + std::string(name.GetString()) + "\" is missing", false,
                 meaning_of(member(member(place.schema, "properties"), name.GetString()), name.GetString())});
}

void check_place(const Place& place, std::vector<SchemaError>& errors) {
    std::string why;
    if (!place.schema->IsObject()) return;
    const rapidjson::Document own = without_members(*place.schema);
    // A reference points outside this part of the schema, so only the whole schema can judge it.
    const bool refers = as_json(own).find("\"$ref\"") != std::string::npos;
    if (!refers && !fits(own, *place.value, why)) {
        const std::string words = expected(*place.schema);
        errors.push_back({place.pointer, named(place.pointer) + (words.empty() ? why : "must be " + words),
                          false,
                          meaning_of(place.schema, place.pointer.substr(place.pointer.rfind('/') + 1))});
        return;
    }
    if (place.value->IsObject()) check_members(place, errors);
    const Value* items = member(place.schema, "items");
    if (!place.value->IsArray() || items == nullptr || !items->IsObject()) return;
    for (rapidjson::SizeType i = 0; i < place.value->Size(); ++i)
        check_place({place.pointer + "/" + std::to_string(i), &(*place.value)[i], items}, errors);
}

// Returns whether valijson accepts the value. `why` receives its first reason. The reason names keywords and
// keys of the schema, never a value.
bool fits(const Value& schema, const Value& value, std::string& why) {
    try {
        valijson::Schema compiled;
        valijson::SchemaParser parser;
        parser.populateSchema(valijson::adapters::RapidJsonAdapter(schema), compiled);
        valijson::Validator validator;
        valijson::ValidationResults results;
        if (validator.validate(compiled, valijson::adapters::RapidJsonAdapter(value), &results)) return true;
        valijson::ValidationResults::Error error;
        why = results.popError(error) ? error.description : "does not fit the schema";
        return false;
    } catch (const std::exception& e) {
        why = std::string("the plugin's schema cannot be used: ") + e.what();
        return false;
    }
}

}  // namespace

std::vector<SchemaError> check_config(const PluginClass& plugin_class, const std::string& given) {
    const std::string config_json = fit_config(plugin_class, given);
    rapidjson::Document config;
    config.Parse<rapidjson::kParseIterativeFlag>(config_json.data(), config_json.size());
    if (config.HasParseError())
        return {{"", "is no JSON: " + std::string(rapidjson::GetParseError_En(config.GetParseError()))}};
    if (!config.IsObject()) return {{"", "must be a mapping"}};
    if (plugin_class.description->config_schema == nullptr) return {};

    rapidjson::Document schema;
    schema.Parse<rapidjson::kParseIterativeFlag>(plugin_class.description->config_schema);
    std::vector<SchemaError> errors;
    check_place({"", &config, &schema}, errors);
    // Only the whole schema shows a violation of rules that span levels ($ref, definitions).
    std::string why;
    if (errors.empty() && !fits(schema, config, why)) errors.push_back({"", why});
    return errors;
}

}  // namespace volley::plugins

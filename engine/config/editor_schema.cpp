// The JSON Schema for completion and checks in editors, from the table of keys and the schemas of the
// connectors. A value with a variable (${NAME}) is text for an editor, so every type accepts it.
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>

#include "config/keys.hpp"
#include "config/load.hpp"

namespace volley::config {

namespace {

using rapidjson::Value;
using Document = rapidjson::Document;
using Allocator = Document::AllocatorType;

constexpr char interpolated[] = "\\$\\{";

class Writer {
public:
    Writer(Document& document, const std::vector<ConnectorSchema>& connectors)
        : allocator_(document.GetAllocator()), connectors_(connectors) {}

    Value section(std::string_view name) {
        Value properties(rapidjson::kObjectType);
        for (const Key& key : keys()) {
            if (name == key.section && key.available) add(properties, key.name, of(key));
        }
        Value object = typed("object");
        object.AddMember("additionalProperties", false, allocator_);
        object.AddMember("properties", properties, allocator_);
        if (name == "queue") add_connectors(object);
        return object;
    }

private:
    Value text(std::string_view value) {
        return Value(value.data(), static_cast<rapidjson::SizeType>(value.size()), allocator_);
    }
    void add(Value& object, std::string_view name, Value value) {
        object.AddMember(text(name), value, allocator_);
    }
    Value typed(std::string_view type) {
        Value object(rapidjson::kObjectType);
        add(object, "type", text(type));
        return object;
    }
    Value any_of(Value one, Value other) {
        Value list(rapidjson::kArrayType);
        list.PushBack(one, allocator_).PushBack(other, allocator_);
        Value object(rapidjson::kObjectType);
        add(object, "anyOf", std::move(list));
        return object;
    }
    Value interpolated_text() {
        Value object = typed("string");
        add(object, "pattern", text(interpolated));
        return object;
    }
    Value one_of_words(const std::vector<std::string>& words) {
        Value list(rapidjson::kArrayType);
        for (const std::string& word : words) list.PushBack(text(word), allocator_);
        Value object(rapidjson::kObjectType);
        add(object, "enum", std::move(list));
        return object;
    }

    // The words in the table ("json, msgpack or none") of keys that have a choice of words.
    static std::vector<std::string> choices(const Key& key) {
        const std::string_view name = key.name;
        const bool is_choice = name == "serializer" || name == "order" || name == "on_fail" ||
                               name == "level" || name == "format";
        std::vector<std::string> words;
        if (!is_choice) return words;
        std::string word;
        for (const char c : std::string(key.type) + ",") {
            if (c != ',' && c != ' ') {
                word += c;
                continue;
            }
            if (!word.empty() && word != "or") words.push_back(word);
            word.clear();
        }
        return words;
    }

    Value of(const Key& key) {
        const std::string_view section_name = key.section;
        const std::string_view name = key.name;
        Value value(rapidjson::kObjectType);
        if (section_name.empty() && name == "queues") {
            Value list = typed("array");
            add(list, "items", section("queue"));
            Value mapping = typed("object");
            add(mapping, "additionalProperties", section("queue"));
            value = any_of(std::move(list), std::move(mapping));
        } else if (section_name.empty() && name == "components") {
            value = typed("array");
            add(value, "items", section("component"));
        } else if (name == "retry" || name == "batch" || name == "log") {
            value = section(name);
        } else if (const auto words = choices(key); !words.empty()) {
            value = any_of(one_of_words(words), interpolated_text());
        } else if (std::string_view(key.type) == "true or false") {
            value = any_of(typed("boolean"), interpolated_text());
        } else if (name == "type" && section_name == "queue") {
            std::vector<std::string> types;
            for (const ConnectorSchema& connector : connectors_) types.push_back(connector.type);
            value = any_of(one_of_words(types), typed("string"));
        }
        const std::string fallback = *key.fallback != '\0' ? key.fallback : "see its keys";
        add(value, "description", text(std::string(key.meaning) + " Default: " + fallback + "."));
        return value;
    }

    // The keys of the connector, for queues of its type.
    void add_connectors(Value& queue) {
        Value rules(rapidjson::kArrayType);
        for (const ConnectorSchema& connector : connectors_) {
            Value fits(rapidjson::kArrayType);
            for (const std::string& schema : connector.schemas) {
                Document parsed(&allocator_);
                parsed.Parse(schema.c_str());
                if (parsed.HasParseError() || !parsed.IsObject()) continue;
                let_interpolation_pass(parsed);
                fits.PushBack(Value(parsed, allocator_), allocator_);
            }
            if (fits.Empty()) continue;
            Value config(rapidjson::kObjectType);
            add(config, "anyOf", std::move(fits));
            rules.PushBack(if_type_then(connector.type, std::move(config)), allocator_);
        }
        if (!rules.Empty()) add(queue, "allOf", std::move(rules));
    }

    Value if_type_then(const std::string& type, Value config) {
        Value is(rapidjson::kObjectType);
        add(is, "const", text(type));
        Value has_type(rapidjson::kObjectType);
        add(has_type, "type", std::move(is));
        Value condition(rapidjson::kObjectType);
        add(condition, "properties", std::move(has_type));
        Value required(rapidjson::kArrayType);
        required.PushBack("type", allocator_);
        add(condition, "required", std::move(required));
        Value has_config(rapidjson::kObjectType);
        add(has_config, "config", std::move(config));
        Value then(rapidjson::kObjectType);
        add(then, "properties", std::move(has_config));
        Value rule(rapidjson::kObjectType);
        add(rule, "if", std::move(condition));
        add(rule, "then", std::move(then));
        return rule;
    }

    void let_interpolation_pass(Value& schema) {
        const auto properties = schema.FindMember("properties");
        if (properties == schema.MemberEnd() || !properties->value.IsObject()) return;
        for (auto& property : properties->value.GetObject()) {
            Value& value = property.value;
            if (!value.IsObject()) continue;
            const auto type = value.FindMember("type");
            const std::string_view name =
                type != value.MemberEnd() && type->value.IsString() ? type->value.GetString() : "";
            if (name == "object") let_interpolation_pass(value);
            if (name != "integer" && name != "number" && name != "boolean") continue;
            Value description(rapidjson::kNullType);
            if (const auto said = value.FindMember("description"); said != value.MemberEnd())
                description.CopyFrom(said->value, allocator_);
            Value original(value, allocator_);
            value = any_of(std::move(original), interpolated_text());
            if (description.IsString()) add(value, "description", std::move(description));
        }
    }

    Allocator& allocator_;
    const std::vector<ConnectorSchema>& connectors_;
};

}  // namespace

std::string json_schema(const std::vector<ConnectorSchema>& connectors) {
    Document document;
    Value root = Writer(document, connectors).section("");
    Value schema("http://json-schema.org/draft-07/schema#", document.GetAllocator());
    Value title("Volley configuration", document.GetAllocator());
    root.AddMember("$schema", schema, document.GetAllocator());
    root.AddMember("title", title, document.GetAllocator());
    rapidjson::StringBuffer buffer;
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', 2);
    root.Accept(writer);
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace volley::config

// Fits the types of a `config:` to the schema. YAML guesses a type from the spelling, and the spelling of a
// value that comes from a variable can vary. Only the schema knows which type is meant.
#include "plugins/config_schema.hpp"
#include "text/json_text.hpp"
#include "text/number.hpp"

namespace volley::plugins {

namespace {

using rapidjson::Value;

// The types that a schema accepts, from its `type`; any type if it has none.
struct Types {
    explicit Types(const Value* schema) {
        const Value* type = text::member_of(schema, "type");
        if (type == nullptr) return;
        any = false;
        if (!type->IsArray()) {
            add(*type);
            return;
        }
        for (const Value& one : type->GetArray()) add(one);
    }
    void add(const Value& type) {
        const std::string_view name = type.IsString() ? type.GetString() : "";
        text = text || name == "string";
        number = number || name == "number" || name == "integer";
        truth = truth || name == "boolean";
    }
    bool any = true;
    bool text = false;
    bool number = false;
    bool truth = false;
};

const Value* schema_of(const Value* schema, std::string_view name) {
    if (const Value* found = text::member_of(text::member_of(schema, "properties"), name)) return found;
    return text::member_of(schema, "additionalProperties");
}

void write_text(text::JsonWriter& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_number(text::JsonWriter& writer, std::string_view number) {
    writer.RawValue(number.data(), number.size(), rapidjson::kNumberType);
}

// A reader that accepts both text and numbers may print a number differently: 1.10 as 1.1. Such a number
// becomes text.
void fit_number(const Types& takes, const Value& value, const std::string& written,
                text::JsonWriter& writer) {
    const bool reprinted = text::as_written(value, nullptr) != written;
    if (takes.text && (!takes.number || reprinted)) return write_text(writer, written);
    const auto number = takes.number ? text::number_as_json(written) : std::nullopt;
    write_number(writer, number.value_or(written));
}

void fit_text(const Types& takes, std::string_view text, text::JsonWriter& writer) {
    const auto number = takes.number && !takes.text ? text::number_as_json(text) : std::nullopt;
    if (number) return write_number(writer, *number);
    if (takes.truth && !takes.text && (text == "true" || text == "false"))
        writer.Bool(text == "true");
    else
        write_text(writer, text);
}

// `schema` and `digits` may be null.
void fit(const Value* schema, const Value& value, const Value* digits, text::JsonWriter& writer) {
    const Types takes(schema);
    if (value.IsObject()) {
        writer.StartObject();
        for (const auto& member : value.GetObject()) {
            const std::string_view name(member.name.GetString(), member.name.GetStringLength());
            writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
            fit(schema_of(schema, name), member.value, text::member_of(digits, name), writer);
        }
        writer.EndObject();
    } else if (value.IsArray()) {
        writer.StartArray();
        for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
            fit(text::member_of(schema, "items"), value[i], digits == nullptr ? nullptr : &(*digits)[i],
                writer);
        writer.EndArray();
    } else if (value.IsNumber() && !takes.any) {
        fit_number(takes, value, text::as_written(value, digits), writer);
    } else if (value.IsString()) {
        fit_text(takes, {value.GetString(), value.GetStringLength()}, writer);
    } else if (value.IsBool() && takes.text && !takes.truth) {
        write_text(writer, value.GetBool() ? "true" : "false");
    } else {
        text::write_as_written(value, digits, writer);
    }
}

}  // namespace

std::string fit_config(const PluginClass& plugin_class, const std::string& config_json) {
    const text::JsonText config(config_json);
    if (!config.tree.IsObject() || plugin_class.description->config_schema == nullptr) return config_json;
    rapidjson::Document schema;
    schema.Parse<rapidjson::kParseIterativeFlag>(plugin_class.description->config_schema);
    rapidjson::StringBuffer buffer;
    text::JsonWriter writer(buffer);
    fit(&schema, config.tree, &config.digits, writer);
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace volley::plugins

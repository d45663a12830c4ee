#include "plugin_check/schema_errors.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "codec/schema.hpp"
#include "text/json_text.hpp"

namespace volley::cli::plugin_check {

std::optional<std::string> schema_error(const std::string& schema) {
    const auto compiled = codec::Schema::compile(schema, "config_schema");
    if (!compiled) return compiled.error().text;
    return std::nullopt;
}

std::optional<std::string> default_error(const std::string& schema) {
    rapidjson::Document document;
    document.Parse(schema.data(), schema.size());
    const rapidjson::Value* properties = text::member_of(&document, "properties");
    if (properties == nullptr || !properties->IsObject()) return std::nullopt;
    for (const auto& property : properties->GetObject()) {
        const rapidjson::Value* preset = text::member_of(&property.value, "default");
        if (preset == nullptr) continue;
        rapidjson::StringBuffer text;
        rapidjson::Writer<rapidjson::StringBuffer> writer(text);
        property.value.Accept(writer);
        const auto compiled = codec::Schema::compile({text.GetString(), text.GetSize()}, "property");
        if (!compiled) continue;  // it refers to another part of the schema
        rapidjson::Document value;
        value.CopyFrom(*preset, value.GetAllocator());
        if (const auto wrong = (*compiled)->violation(value))
            return std::string(property.name.GetString()) + ": " + *wrong;
    }
    return std::nullopt;
}

}  // namespace volley::cli::plugin_check

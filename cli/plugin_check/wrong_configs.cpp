#include "plugin_check/wrong_configs.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "text/json_text.hpp"

namespace volley::cli::plugin_check {

namespace {

using rapidjson::Document;
using rapidjson::Value;

std::string as_json(const Value& value) {
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    value.Accept(writer);
    return {text.GetString(), text.GetSize()};
}

Document parsed(const std::string& json) {
    Document document;
    document.Parse(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject()) document.SetObject();
    return document;
}

bool names_a_secret(const std::string& key) {
    for (const char* part : {"pass", "secret", "token", "credential"})
        if (key.find(part) != std::string::npos) return true;
    return false;
}

// Sets a key of a configuration to a JSON text. Requires: it is JSON.
std::string with(const std::string& config, const std::string& key, const std::string& json) {
    Document document = parsed(config);
    Document value(&document.GetAllocator());
    value.Parse(json.data(), json.size());
    document.RemoveMember(key.c_str());
    Value name(key.data(), static_cast<rapidjson::SizeType>(key.size()), document.GetAllocator());
    document.AddMember(name, value, document.GetAllocator());
    return as_json(document);
}

std::string without(const std::string& config, const std::string& key) {
    Document document = parsed(config);
    document.RemoveMember(key.c_str());
    return as_json(document);
}

std::vector<std::string> wrong_values(const Value& property) {
    const Value* type = text::member_of(&property, "type");
    const std::string_view name = type != nullptr && type->IsString() ? type->GetString() : "";
    if (name == "object") return {"\"text\"", "[1]", "17"};
    if (name == "array") return {"\"text\"", "{\"a\":1}", "17"};
    std::vector<std::string> out{"[1]", "{\"a\":1}"};
    if (name == "integer" || name == "number") {
        out.insert(out.end(), {"\"no number\"", "1e300", "-9223372036854775808", "18446744073709551615"});
        if (const Value* least = text::member_of(&property, "minimum"); least != nullptr && least->IsInt64())
            out.push_back(std::to_string(least->GetInt64() - 1));
        if (const Value* most = text::member_of(&property, "maximum"); most != nullptr && most->IsInt64())
            out.push_back(std::to_string(most->GetInt64() + 1));
    }
    if (name == "boolean") out.emplace_back("\"perhaps\"");
    if (text::member_of(&property, "enum") != nullptr) out.emplace_back("\"no-such-value\"");
    return out;
}

std::vector<std::string> keys_of(const std::string& config, const Document& schema) {
    std::vector<std::string> keys;
    if (const Value* properties = text::member_of(&schema, "properties");
        properties != nullptr && properties->IsObject())
        for (const auto& p : properties->GetObject()) keys.emplace_back(p.name.GetString());
    const Document given = parsed(config);
    for (const auto& m : given.GetObject())
        if (std::find(keys.begin(), keys.end(), m.name.GetString()) == keys.end())
            keys.emplace_back(m.name.GetString());
    return keys;
}

std::size_t below(std::mt19937_64& random, std::size_t end) {
    return static_cast<std::size_t>(random() % end);
}

const char* const odd_values[] = {"null",
                                  "true",
                                  "false",
                                  "0",
                                  "-1",
                                  "1",
                                  "1e308",
                                  "0.1",
                                  "-9223372036854775808",
                                  "18446744073709551615",
                                  "2147483648",
                                  "\"\"",
                                  "\" \"",
                                  "\"\\u0000\"",
                                  "\"a\\u0000b\"",
                                  "\"%s%n%d\"",
                                  "\"../../../../etc/passwd\"",
                                  "\"\\n\\r\\t\\u001b[2J\"",
                                  "\"'; DROP TABLE x; --\"",
                                  "\"{}\"",
                                  "\"ümlaut \\ud83d\\ude00\"",
                                  "\"-1\"",
                                  "\"99999999999999999999999\"",
                                  "\"127.0.0.1:99999\"",
                                  "\"redis://[::\"",
                                  "[]",
                                  "{}",
                                  "[[[[[[[[]]]]]]]]",
                                  "[\"a\",1,null]",
                                  "{\"a\":{\"b\":{\"c\":[]}}}",
                                  "{\"\":\"\"}"};

std::string random_json(std::mt19937_64& random) {
    const std::size_t kind = below(random, 20);
    if (kind == 0) return '"' + std::string(1 + below(random, 100'000), 'x') + '"';
    if (kind == 1) {
        const std::size_t depth = 1 + below(random, 200);
        return std::string(depth, '[') + std::string(depth, ']');
    }
    if (kind == 2) return std::to_string(static_cast<std::int64_t>(random()));
    return odd_values[below(random, std::size(odd_values))];
}

// A value that the property's schema accepts, or seems to.
std::string legal_json(const Value& property, std::mt19937_64& random) {
    if (const Value* all = text::member_of(&property, "enum");
        all != nullptr && all->IsArray() && !all->Empty())
        return as_json((*all)[static_cast<rapidjson::SizeType>(below(random, all->Size()))]);
    for (const char* limit : {"default", "minimum", "maximum"})
        if (const Value* value = text::member_of(&property, limit); value != nullptr && below(random, 2) == 0)
            return as_json(*value);
    const Value* type = text::member_of(&property, "type");
    const std::string_view name = type != nullptr && type->IsString() ? type->GetString() : "";
    if (name == "integer" || name == "number") return std::to_string(below(random, 100'000));
    if (name == "boolean") return below(random, 2) == 0 ? "true" : "false";
    if (name == "array") return "[\"a\"]";
    if (name == "object") return "{\"a\":\"b\"}";
    return below(random, 2) == 0 ? "\"name\"" : "\"127.0.0.1:1\"";
}

// Returns the schema of a key, or null.
const Value* property_of(const Document& schema, const std::string& key) {
    return text::member_of(text::member_of(&schema, "properties"), key);
}

}  // namespace

std::vector<WrongConfig> wrong_configs(const std::string& given, const std::string& schema_text) {
    const Document schema = parsed(schema_text);
    const Value* properties = text::member_of(&schema, "properties");
    std::string config = given;
    if (properties != nullptr && properties->IsObject())
        for (const auto& p : properties->GetObject())
            if (names_a_secret(p.name.GetString()))
                config = with(config, p.name.GetString(), '"' + std::string(secret) + '"');
    std::vector<WrongConfig> out;
    out.push_back({"the unknown key no-such-key is there", with(config, "no-such-key", "1")});
    if (const Value* required = text::member_of(&schema, "required");
        required != nullptr && required->IsArray())
        for (const Value& key : required->GetArray())
            if (key.IsString())
                out.push_back({"the key " + std::string(key.GetString()) + " is missing",
                               without(config, key.GetString())});
    if (properties == nullptr || !properties->IsObject()) return out;
    for (const auto& p : properties->GetObject())
        for (const std::string& value : wrong_values(p.value))
            out.push_back({"the key " + std::string(p.name.GetString()) + " is " + value,
                           with(config, p.name.GetString(), value)});
    return out;
}

std::string random_config(const std::string& given, const std::string& schema_text, std::mt19937_64& random) {
    const Document schema = parsed(schema_text);
    const std::vector<std::string> keys = keys_of(given, schema);
    std::string config = below(random, 2) == 0 ? given : "{}";
    if (below(random, 20) == 0) config = with(config, "no-such-key", random_json(random));
    const bool is_legal = below(random, 2) == 0;
    for (std::size_t n = below(random, 5); n > 0 && !keys.empty(); --n) {
        const std::string& key = keys[below(random, keys.size())];
        const Value* property = property_of(schema, key);
        const bool is_odd = property == nullptr || (!is_legal && below(random, 2) == 0);
        config = with(config, key, is_odd ? random_json(random) : legal_json(*property, random));
    }
    return config;
}

std::string random_value(std::mt19937_64& random) {
    static const char* const parts[] = {
        "a",  "Z",    "0",  "-", "_",  ".", ":", "/",        "..",           " ",
        "\n", "\x1b", "%s", "'", "\"", "{", "*", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    std::string value;
    for (std::size_t n = below(random, 8) == 0 ? below(random, 3000) : below(random, 20); n > 0; --n) {
        const std::size_t part = below(random, std::size(parts) + 1);
        if (part == std::size(parts))
            value += '\0';
        else
            value += parts[part];
    }
    return value;
}

}  // namespace volley::cli::plugin_check

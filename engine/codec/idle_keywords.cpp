#include "codec/idle_keywords.hpp"

#include <algorithm>

#include "codec/json.hpp"
#include "text/json_text.hpp"
#include "text/text.hpp"

namespace volley::codec {

namespace {

using rapidjson::Value;

// Where a keyword has schemas below it.
enum class Holds : std::uint8_t { nothing, schema, schemas, named_schemas, remark };

struct Keyword {
    std::string_view name;
    Holds holds;
};
constexpr Keyword known[] = {
    {"$id", Holds::remark},
    {"id", Holds::remark},
    {"$schema", Holds::remark},
    {"$ref", Holds::nothing},
    {"$comment", Holds::remark},
    {"title", Holds::remark},
    {"description", Holds::remark},
    {"default", Holds::remark},
    {"readOnly", Holds::remark},
    {"writeOnly", Holds::remark},
    {"deprecated", Holds::remark},
    {"examples", Holds::remark},
    {"example", Holds::remark},
    {"discriminator", Holds::remark},
    {"contentMediaType", Holds::remark},
    {"contentEncoding", Holds::remark},
    {"format", Holds::nothing},
    {"type", Holds::nothing},
    {"enum", Holds::nothing},
    {"const", Holds::nothing},
    {"multipleOf", Holds::nothing},
    {"maximum", Holds::nothing},
    {"exclusiveMaximum", Holds::nothing},
    {"minimum", Holds::nothing},
    {"exclusiveMinimum", Holds::nothing},
    {"maxLength", Holds::nothing},
    {"minLength", Holds::nothing},
    {"pattern", Holds::nothing},
    {"maxItems", Holds::nothing},
    {"minItems", Holds::nothing},
    {"uniqueItems", Holds::nothing},
    {"maxProperties", Holds::nothing},
    {"minProperties", Holds::nothing},
    {"required", Holds::nothing},
    {"items", Holds::schemas},
    {"additionalItems", Holds::schema},
    {"contains", Holds::schema},
    {"additionalProperties", Holds::schema},
    {"propertyNames", Holds::schema},
    {"if", Holds::schema},
    {"then", Holds::schema},
    {"else", Holds::schema},
    {"not", Holds::schema},
    {"allOf", Holds::schemas},
    {"anyOf", Holds::schemas},
    {"oneOf", Holds::schemas},
    {"properties", Holds::named_schemas},
    {"patternProperties", Holds::named_schemas},
    {"dependencies", Holds::named_schemas},
    {"definitions", Holds::named_schemas},
    {"$defs", Holds::named_schemas},
};

struct Later {
    std::string_view name;
    const char* instead;  // the keyword of draft-07
};
constexpr Later later[] = {
    {"prefixItems", "write items: [first, second, …]"},
    {"dependentRequired", "write dependencies: {key: [required, keys]}"},
    {"dependentSchemas", "write dependencies: {key: {…}}"},
    {"unevaluatedProperties", "write additionalProperties: false in each part"},
    {"unevaluatedItems", "write additionalItems: false"},
    {"minContains", "draft-07 has contains alone: one or more"},
    {"maxContains", "draft-07 has contains alone: one or more"},
    {"contentSchema", "draft-07 has no counterpart"},
    {"nullable", "write type: [string, \"null\"]"},
    {"$anchor", "refer to it by its pointer: $ref: \"#/definitions/…\""},
    {"$dynamicRef", "write $ref"},
    {"$dynamicAnchor", "refer to it by its pointer: $ref: \"#/definitions/…\""},
    {"$recursiveRef", "write $ref: \"#\""},
    {"$recursiveAnchor", "write $ref: \"#\""},
    {"$vocabulary", "remove it"},
};

std::string_view text_of(const Value& name) { return {name.GetString(), name.GetStringLength()}; }

const Keyword* keyword(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(known), std::end(known), [&](const Keyword& k) { return k.name == name; });
    return found == std::end(known) ? nullptr : found;
}

class Walk {
public:
    void schema(const Value& value, const std::string& pointer) {
        if (!value.IsObject()) return;
        const bool refers = value.HasMember("$ref");
        for (const auto& member : value.GetObject()) {
            const std::string_view name = text_of(member.name);
            const std::string below = pointer + "/" + text::pointer_step(name);
            const Keyword* known_one = keyword(name);
            if (known_one == nullptr) {
                tell_unknown(name, below);
                continue;
            }
            const bool defines = name == "definitions" || name == "$defs";
            if (refers && name != "$ref" && known_one->holds != Holds::remark && !defines) {
                found.push_back({below, quoted(name) + " stands beside $ref and checks nothing",
                                 "in draft-07 a $ref stands for the whole: write allOf: [{$ref: …}, {" +
                                     std::string(name) + ": …}]"});
                continue;
            }
            descend(*known_one, member.value, below);
        }
    }

    std::vector<IdleKeyword> found;

private:
    static std::string quoted(std::string_view name) {
        return "\"" + text::safe(name.substr(0, text::utf8_prefix(name.substr(0, 80)))) + "\"";
    }

    void descend(const Keyword& at, const Value& value, const std::string& pointer) {
        if (at.holds == Holds::named_schemas && value.IsObject()) {
            for (const auto& member : value.GetObject())
                schema(member.value, pointer + "/" + text::pointer_step(text_of(member.name)));
        } else if (at.holds == Holds::schemas && value.IsArray()) {
            for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
                schema(value[i], pointer + "/" + std::to_string(i));
        } else if (at.holds == Holds::schema || at.holds == Holds::schemas) {
            schema(value, pointer);
        }
    }

    void tell_unknown(std::string_view name, const std::string& pointer) {
        if (name.substr(0, 2) == "x-") return;
        for (const Later& one : later) {
            if (one.name != name) continue;
            found.push_back(
                {pointer, quoted(name) + " is no keyword of draft-07 and checks nothing", one.instead});
            return;
        }
        found.push_back({pointer, quoted(name) + " is no keyword of draft-07 and checks nothing", {}});
    }
};

}  // namespace

std::vector<std::string> keyword_names() {
    std::vector<std::string> names;
    for (const Keyword& one : known) names.emplace_back(one.name);
    return names;
}

std::vector<IdleKeyword> idle_keywords(std::string_view schema) {
    rapidjson::Document document;
    if (parse_json(schema, document)) return {};
    Walk walk;
    walk.schema(document, {});
    return std::move(walk.found);
}

}  // namespace volley::codec

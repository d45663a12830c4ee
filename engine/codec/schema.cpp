#include "codec/schema.hpp"

#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "codec/json.hpp"
#include "codec/keywords.hpp"
#include "codec/valijson.hpp"
#include "text/text.hpp"

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

// Converts valijson's <root>["a"][0] to the JSON pointer /a/0.
std::string pointer_of(const std::vector<std::string>& context) {
    std::string pointer;
    for (const std::string& step : context) {
        if (step == "<root>") continue;
        const bool quoted = step.size() >= 4 && step[1] == '"';
        pointer += '/' + text::pointer_step(quoted ? step.substr(2, step.size() - 4)
                                                   : step.substr(1, step.size() - 2));
    }
    return pointer;
}

constexpr std::size_t longest_value = 60;  // of the invalid value in a message

std::string cut(std::string_view text) {
    if (text.size() <= longest_value) return std::string(text);
    return std::string(text.substr(0, text::utf8_prefix(text.substr(0, longest_value)))) + "…";
}

// Returns the beginning of the value as JSON.
std::string shown(const rapidjson::Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    if (value.IsString())
        writer.String(cut({value.GetString(), value.GetStringLength()}).c_str());
    else
        value.Accept(writer);
    return value.IsString() ? buffer.GetString() : cut({buffer.GetString(), buffer.GetSize()});
}

// Whole numbers above the largest signed 64-bit integer, which valijson would take for negative ones.
void soften(rapidjson::Value& value) {
    if (value.IsUint64() && !value.IsInt64()) value.SetDouble(static_cast<double>(value.GetUint64()));
    if (value.IsArray())
        for (auto& element : value.GetArray()) soften(element);
    if (value.IsObject())
        for (auto& member : value.GetObject()) soften(member.value);
}

std::string as_advice(const char* what) {
    const std::string why = what;
    if (why.rfind("Type name should be a string", 0) == 0)
        return why + "\nin YAML the type null is written in quotes: \"null\"";
    return why.rfind("the pattern", 0) == 0 ? why : why + "\nthe rules are those of JSON Schema, draft-07";
}

// Whether this part of a schema compiles. `why`: valijson's error, if not.
bool is_sound(const rapidjson::Value& part, std::string& why) {
    try {
        rapidjson::Document own;
        own.CopyFrom(part, own.GetAllocator());
        rename_keywords(own);
        valijson::Schema compiled;
        valijson::SchemaParser parser;
        add_keywords(parser);
        parser.populateSchema(valijson::adapters::RapidJsonAdapter(own), compiled);
        return true;
    } catch (const std::exception& e) {
        why = e.what();
        return false;
    }
}

// Finds the innermost invalid part of a schema: its pointer, and the error.
struct Mistake {
    std::string pointer;
    std::string why;
};
void find_mistake(const rapidjson::Value& part, Mistake& mistake) {
    const auto look = [&](const rapidjson::Value& below, const std::string& step) {
        std::string why;
        const bool refers = below.IsObject() && below.HasMember("$ref");
        if (!(below.IsObject() || below.IsArray()) || refers) return false;
        if (below.IsObject() && is_sound(below, why)) return false;
        Mistake inner{mistake.pointer + "/" + step, below.IsObject() ? why : mistake.why};
        find_mistake(below, inner);
        if (below.IsArray() && inner.pointer == mistake.pointer + "/" + step) return false;
        mistake = inner;
        return true;
    };
    if (part.IsArray()) {
        for (rapidjson::SizeType i = 0; i < part.Size(); ++i) {
            if (look(part[i], std::to_string(i))) return;
        }
    }
    if (!part.IsObject()) return;
    for (const auto& member : part.GetObject()) {
        const std::string step = text::pointer_step({member.name.GetString(), member.name.GetStringLength()});
        // The author's names, with one schema each.
        const bool named = step == "properties" || step == "patternProperties" || step == "definitions" ||
                           step == "dependencies";
        if (!named && look(member.value, step)) return;
        if (!named || !member.value.IsObject()) continue;
        for (const auto& one : member.value.GetObject()) {
            if (look(one.value,
                     step + "/" + text::pointer_step({one.name.GetString(), one.name.GetStringLength()})))
                return;
        }
    }
}

}  // namespace

Schema::Schema() : compiled_(std::make_unique<valijson::Schema>()) {}
Schema::~Schema() = default;

Result<std::shared_ptr<const Schema>> Schema::compile(std::string_view text, const std::string& name) {
    rapidjson::Document document;
    if (auto failure = parse_json(text, document)) {
        return Error(ErrorCode::config,
                     "schema " + name + " is " + *failure +
                         "\na schema is a file of JSON; one in YAML stands inline, under schema:");
    }
    if (!document.IsObject() && !document.IsBool()) {
        return Error(ErrorCode::config, "schema " + name + ": a JSON Schema is an object, true or false");
    }
    if (document.IsObject() && document.HasMember("$schema") && document["$schema"].IsString()) {
        const std::string draft = document["$schema"].GetString();
        if (draft.find("draft-07") == std::string::npos && draft.find("draft-04") == std::string::npos &&
            draft.find("draft-06") == std::string::npos) {
            return Error(ErrorCode::config,
                         "schema " + name + " is of another draft than draft-07: " + draft +
                             "\nwrite $schema: http://json-schema.org/draft-07/schema# and keep to its rules",
                         "/$schema");
        }
    }
    std::shared_ptr<Schema> schema(new Schema());
    rapidjson::Document original;
    original.CopyFrom(document, original.GetAllocator());
    try {
        rename_keywords(document);
        soften(document);
        valijson::SchemaParser parser;
        add_keywords(parser);
        parser.populateSchema(valijson::adapters::RapidJsonAdapter(document), *schema->compiled_);
    } catch (const std::exception& e) {
        Mistake mistake{"", e.what()};
        find_mistake(original, mistake);
        return Error(ErrorCode::config,
                     "schema " + name + " cannot be used" +
                         (mistake.pointer.empty() ? "" : ", at " + mistake.pointer) + ": " +
                         as_advice(mistake.why.c_str()),
                     mistake.pointer);
    }
    schema->matches_names_ = text.find("\"patternProperties\"") != std::string_view::npos;
    return std::shared_ptr<const Schema>(std::move(schema));
}

std::optional<std::string> Schema::violation(const rapidjson::Value& document, bool has_large) const {
    if (has_large) {
        rapidjson::Document softened;
        softened.CopyFrom(document, softened.GetAllocator());
        soften(softened);
        return violation(softened, false);
    }
    if (matches_names_ && has_long_name(document)) {
        return "patternProperties: a name is longer than " + std::to_string(longest_name) +
               " bytes: longer ones are not matched";
    }
    // It caches compiled expressions.
    thread_local valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::RapidJsonAdapter target(document);
    try {
        if (validator.validate(*compiled_, target, nullptr)) return std::nullopt;
        // Errors are formatted only for invalid documents.
        validator.validate(*compiled_, target, &results);
    } catch (const EnoughViolations&) {
    } catch (const std::exception& e) {  // of std::regex, if it runs out of memory
        return std::string("the schema cannot judge it: ") + e.what();
    }
    // The first error is the innermost, and the most useful one.
    valijson::ValidationResults::Error error;
    if (!results.popError(error)) return "does not fit the schema";
    if (!error.description.empty() && error.description.back() == '.') error.description.pop_back();
    const std::string pointer = pointer_of(error.context);
    const rapidjson::Value* wrong = rapidjson::Pointer(pointer.c_str(), pointer.size()).Get(document);
    return (pointer.empty() ? "the message" : pointer) + ": " + error.description +
           (wrong == nullptr ? "" : ", and is " + shown(*wrong));
}

}  // namespace volley::codec

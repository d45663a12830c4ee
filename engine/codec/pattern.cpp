#include "codec/pattern.hpp"

#include <memory>
#include <regex>
#include <string>

#include "codec/valijson.hpp"

namespace volley::codec {

namespace {

constexpr const char* renamed = "volley:pattern";

// libstdc++'s breadth-first matcher: time grows with the length, and the stack does not.
constexpr auto flags = std::regex_constants::ECMAScript | std::regex_constants::__polynomial;

std::regex compiled(const std::string& pattern) {
    try {
        return std::regex(pattern, flags);
    } catch (const std::regex_error&) {
        throw std::runtime_error(
            "the pattern " + pattern +
            " is no regular expression that is read: ECMAScript's, without lookbehind and "
            "references to groups");
    }
}

class BoundedPattern : public valijson::constraints::PolyConstraint {
public:
    explicit BoundedPattern(const std::string& pattern)
        : text_(pattern), regex_(std::make_shared<const std::regex>(compiled(pattern))) {}

    bool validate(const valijson::adapters::Adapter& target, const std::vector<std::string>& context,
                  valijson::ValidationResults* results) const override {
        if (!target.isString()) return true;
        const std::string value = target.asString();
        if (value.size() > longest_for_pattern) {
            tell(results, context,
                 "is " + std::to_string(value.size()) + " bytes long, and `pattern` is matched up to " +
                     std::to_string(longest_for_pattern));
            return false;
        }
        if (std::regex_search(value, *regex_)) return true;
        tell(results, context, "does not match the pattern " + text_);
        return false;
    }

private:
    static void tell(valijson::ValidationResults* results, const std::vector<std::string>& context,
                     const std::string& text) {
        if (results != nullptr) results->pushError(context, text);
    }
    Constraint* cloneInto(void* memory) const override { return new (memory) BoundedPattern(*this); }
    std::size_t sizeOf() const override { return sizeof(BoundedPattern); }

    std::string text_;
    std::shared_ptr<const std::regex> regex_;  // compiled once; copies of the constraint share it
};

class PatternBuilder : public valijson::ConstraintBuilder {
public:
    valijson::constraints::Constraint* make(const valijson::adapters::Adapter& value) const override {
        return new BoundedPattern(value.asString());
    }
};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    for (const std::string_view one : names) {
        if (name == one) return true;
    }
    return false;
}

// 2.0 is a whole number to JSON Schema, and none to valijson.
void make_whole(rapidjson::Value& value) {
    if (!value.IsDouble() || value.GetDouble() < 0 || value.GetDouble() > 1e9) return;
    const auto whole = static_cast<std::uint64_t>(value.GetDouble());
    if (static_cast<double>(whole) == value.GetDouble()) value.SetUint64(whole);
}

// valijson compiles these only when a message comes.
void check_names(const rapidjson::Value& expressions) {
    if (!expressions.IsObject()) return;
    for (const auto& member : expressions.GetObject()) compiled(member.name.GetString());
}

// `names`: the members are named by the author (properties), rather than keywords.
void rename(rapidjson::Value& value, bool names, rapidjson::Document::AllocatorType& allocator) {
    if (value.IsArray()) {
        for (auto& element : value.GetArray()) rename(element, false, allocator);
    }
    if (!value.IsObject()) return;
    for (auto& member : value.GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        if (!names && name == "pattern" && member.value.IsString()) {
            member.name.SetString(renamed, allocator);
        } else if (names || !is_one_of(name, {"enum", "const", "default", "examples"})) {
            const bool below =
                !names && is_one_of(name, {"properties", "patternProperties", "definitions", "dependencies"});
            if (!names && is_one_of(name, {"maxItems", "minItems", "maxLength", "minLength", "maxProperties",
                                           "minProperties"}))
                make_whole(member.value);
            if (!names && name == "patternProperties") check_names(member.value);
            rename(member.value, below, allocator);
        }
    }
}

}  // namespace

void rename_patterns(rapidjson::Document& schema) { rename(schema, false, schema.GetAllocator()); }

void add_bounded_pattern(valijson::SchemaParser& parser) {
    parser.addConstraintBuilder(renamed, new PatternBuilder());  // the parser deletes it
}

}  // namespace volley::codec

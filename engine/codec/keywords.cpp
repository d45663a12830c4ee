#include "codec/keywords.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <regex>
#include <string>
#include <unordered_set>

#include "codec/valijson.hpp"

namespace volley::codec {

namespace {

using valijson::ValidationResults;
using valijson::adapters::Adapter;
using Context = std::vector<std::string>;
using Allocator = rapidjson::Document::AllocatorType;

constexpr const char* pattern_name = "volley:pattern";
constexpr const char* type_name = "volley:type";
constexpr const char* format_name = "volley:format";
constexpr const char* unique_name = "volley:uniqueItems";
constexpr const char* bound_name = "volley:bound";

// The breadth-first matcher of libstdc++: the stack does not grow with the length of the text.
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

// How valijson adds a keyword: a constraint is made once, and copied with the schema.
template <typename Rule>
class Keyword : public valijson::constraints::PolyConstraint {
public:
    explicit Keyword(Rule rule) : rule_(std::move(rule)) {}
    bool validate(const Adapter& target, const Context& context, ValidationResults* results) const override {
        const std::string wrong = rule_.violation(target, results);
        if (wrong.empty()) return true;
        if (results != nullptr) results->pushError(context, wrong);
        return false;
    }

private:
    Constraint* cloneInto(void* memory) const override { return new (memory) Keyword(*this); }
    std::size_t sizeOf() const override { return sizeof(Keyword); }
    Rule rule_;
};

template <typename Rule>
class Builder : public valijson::ConstraintBuilder {
public:
    valijson::constraints::Constraint* make(const Adapter& value) const override {
        return new Keyword<Rule>(Rule(value));
    }
};

struct Pattern {
    explicit Pattern(const Adapter& value)
        : text(value.asString()), regex(std::make_shared<const std::regex>(compiled(text))) {}
    std::string violation(const Adapter& target, const ValidationResults*) const {
        if (!target.isString()) return {};
        const std::string value = target.asString();
        if (value.size() > longest_for_pattern) {
            return "pattern: it is " + std::to_string(value.size()) + " bytes long, and is matched up to " +
                   std::to_string(longest_for_pattern);
        }
        return std::regex_search(value, *regex) ? std::string() : "pattern: must match " + text;
    }
    std::string text;
    std::shared_ptr<const std::regex> regex;  // compiled once, and shared by copies
};

struct Type {
    explicit Type(const Adapter& value) {
        const auto add = [this](const Adapter& one) {
            names.push_back(one.asString());
            return true;
        };
        if (value.isString())
            add(value);
        else
            value.applyToArray(add);
    }
    // In JSON Schema 1.0 is an integer.
    static bool is(const std::string& name, const Adapter& value) {
        if (name == "string") return value.isString();
        if (name == "number") return value.isNumber();
        if (name == "integer")
            return value.isInteger() ||
                   (value.isDouble() && std::floor(value.asDouble()) == value.asDouble());
        if (name == "boolean") return value.isBool();
        if (name == "object") return value.isObject();
        if (name == "array") return value.isArray();
        return name == "null" && value.isNull();
    }
    std::string violation(const Adapter& target, const ValidationResults*) const {
        std::string wanted;
        for (const std::string& name : names) {
            if (is(name, target)) return {};
            wanted += (wanted.empty() ? "" : " or ") + name;
        }
        return "type: must be " + wanted;
    }
    std::vector<std::string> names;
};

struct Format {
    explicit Format(const Adapter& value) : name(value.asString()) {}
    std::string violation(const Adapter& target, const ValidationResults*) const {
        if (!target.isString() || fits_format(name, target.asString())) return {};
        return "format: must be a " + name + " as RFC 3339 has it";
    }
    std::string name;
};

// Returns a text that is the same for equal values only.
std::string canonical(const Adapter& value) {
    if (value.isNull()) return "n";
    if (value.isBool()) return value.asBool() ? "t" : "f";
    if (value.isInteger()) return "i" + std::to_string(value.asInteger());
    if (value.isNumber()) {
        const double number = value.asDouble();
        constexpr double exact = 9007199254740992;  // 2^53
        if (std::floor(number) == number && std::fabs(number) < exact)
            return "i" + std::to_string(static_cast<std::int64_t>(number));
        char text[40];
        std::snprintf(text, sizeof text, "d%.17g", number);
        return text;
    }
    if (value.isString()) return "s" + std::to_string(value.asString().size()) + ":" + value.asString();
    std::vector<std::string> parts;
    if (value.isArray()) {
        value.applyToArray([&](const Adapter& element) {
            parts.push_back(canonical(element));
            return true;
        });
    } else {
        value.applyToObject([&](const std::string& name, const Adapter& member) {
            parts.push_back(std::to_string(name.size()) + ":" + name + canonical(member));
            return true;
        });
        std::sort(parts.begin(), parts.end());
    }
    std::string out = value.isArray() ? "[" : "{";
    for (const std::string& part : parts) out += part + ",";
    return out;
}

struct Unique {
    explicit Unique(const Adapter& value) : asked(value.asBool()) {}
    std::string violation(const Adapter& target, const ValidationResults*) const {
        if (!asked || !target.isArray()) return {};
        std::unordered_set<std::string> seen;
        std::size_t index = 0;
        const bool all = target.applyToArray([&](const Adapter& element) {
            ++index;
            return seen.insert(canonical(element)).second;
        });
        return all ? std::string() : "uniqueItems: element " + std::to_string(index - 1) + " stands twice";
    }
    bool asked;
};

// In parts of a schema that apply to many values of a message: ends the check after too many violations.
struct Bound {
    explicit Bound(const Adapter&) {}
    static std::string violation(const Adapter&, const ValidationResults* results) {
        if (results != nullptr && results->numErrors() > most_violations) throw EnoughViolations{};
        return {};
    }
};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// In JSON Schema 2.0 is a whole number, but not in valijson.
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

// valijson reports unknown ones.
bool is_type(const rapidjson::Value& value) {
    const auto known = [](const rapidjson::Value& one) {
        return one.IsString() && is_one_of(one.GetString(), {"string", "number", "integer", "boolean",
                                                             "object", "array", "null"});
    };
    return known(value) ||
           (value.IsArray() && !value.Empty() && std::all_of(value.Begin(), value.End(), known));
}

const char* new_name(std::string_view name, const rapidjson::Value& value) {
    if (name == "pattern" && value.IsString()) return pattern_name;
    if (name == "format" && value.IsString()) return format_name;
    if (name == "uniqueItems" && value.IsBool()) return unique_name;
    return name == "type" && is_type(value) ? type_name : nullptr;
}

// `names`: the members are names that the author chose (properties), not keywords.
void rename(rapidjson::Value& value, bool names, Allocator& allocator) {
    if (value.IsArray()) {
        for (auto& element : value.GetArray()) rename(element, false, allocator);
    }
    if (!value.IsObject()) return;
    for (auto& member : value.GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        const char* const other = names ? nullptr : new_name(name, member.value);
        if (other != nullptr) {
            member.name.SetString(other, allocator);
            continue;
        }
        if (!names && is_one_of(name, {"enum", "const", "default", "examples"})) continue;
        const bool below = !names && is_one_of(name, {"properties", "patternProperties", "definitions",
                                                      "$defs", "dependencies"});
        if (!names && is_one_of(name, {"maxItems", "minItems", "maxLength", "minLength", "maxProperties",
                                       "minProperties"}))
            make_whole(member.value);
        if (!names && name == "patternProperties") check_names(member.value);
        rename(member.value, below, allocator);
        const bool many = !names && is_one_of(name, {"items", "additionalItems", "additionalProperties"});
        if (many && member.value.IsObject() && !member.value.HasMember("$ref"))
            member.value.AddMember(rapidjson::StringRef(bound_name), true, allocator);
    }
}

class Reader {
public:
    explicit Reader(const std::string& text) : text_(text) {}
    bool is_at_end() const { return at_ == text_.size(); }
    bool skip(std::string_view any_of) {
        if (is_at_end() || any_of.find(text_[at_]) == std::string_view::npos) return false;
        ++at_;
        return true;
    }
    // Returns a number of so many digits, or -1.
    int number(std::size_t digits) {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i, ++at_) {
            if (is_at_end() || text_[at_] < '0' || text_[at_] > '9') return -1;
            value = value * 10 + (text_[at_] - '0');
        }
        return value;
    }
    bool date() {
        const int year = number(4);
        const int month = skip("-") ? number(2) : -1;
        const int day = skip("-") ? number(2) : -1;
        if (year < 0 || month < 1 || month > 12 || day < 1) return false;
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
    }
    bool time() {
        const int hour = number(2);
        const int minute = skip(":") ? number(2) : -1;
        const int second = skip(":") ? number(2) : -1;
        if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false;
        if (skip(".")) {
            if (number(1) < 0) return false;
            while (skip("0123456789")) {
            }
        }
        int offset = 0;
        if (!skip("Zz")) {
            const bool east = skip("+");
            if (!east && !skip("-")) return false;
            const int hours = number(2);
            const int minutes = skip(":") ? number(2) : -1;
            if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
            offset = (hours * 60 + minutes) * (east ? -1 : 1);
        }
        // A leap second is the last second of a day in UTC.
        return second < 60 || ((hour * 60 + minute + offset) % 1440 + 1440) % 1440 == 1439;
    }

private:
    const std::string& text_;
    std::size_t at_ = 0;
};

}  // namespace

bool fits_format(const std::string& format, const std::string& text) {
    Reader reader(text);
    if (format == "date") return reader.date() && reader.is_at_end();
    if (format == "time") return reader.time() && reader.is_at_end();
    if (format == "date-time")
        return reader.date() && reader.skip("Tt") && reader.time() && reader.is_at_end();
    return true;
}

void rename_keywords(rapidjson::Document& schema) { rename(schema, false, schema.GetAllocator()); }

void add_keywords(valijson::SchemaParser& parser) {
    // The parser takes ownership.
    parser.addConstraintBuilder(pattern_name, new Builder<Pattern>());
    parser.addConstraintBuilder(type_name, new Builder<Type>());
    parser.addConstraintBuilder(format_name, new Builder<Format>());
    parser.addConstraintBuilder(unique_name, new Builder<Unique>());
    parser.addConstraintBuilder(bound_name, new Builder<Bound>());
}

}  // namespace volley::codec

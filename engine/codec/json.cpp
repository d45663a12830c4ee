#include "codec/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_set>

#include "codec/raw_value.hpp"

namespace volley::codec {

namespace {

// Iterative, so that deep nesting cannot overflow the stack. Full precision, and encodings are validated.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                                 rapidjson::kParseValidateEncodingFlag;

struct Nowhere {
    bool Null() { return true; }
    bool Bool(bool) { return true; }
    bool Int(int) { return true; }
    bool Uint(unsigned) { return true; }
    bool Int64(std::int64_t) { return true; }
    bool Uint64(std::uint64_t) { return true; }
    bool Double(double) { return true; }
    bool String(const char*, rapidjson::SizeType, bool) { return true; }
    bool Key(const char*, rapidjson::SizeType, bool) { return true; }
    bool StartObject() { return true; }
    bool EndObject(rapidjson::SizeType) { return true; }
    bool StartArray() { return true; }
    bool EndArray(rapidjson::SizeType) { return true; }
};

// Forwards the events of the reader up to the depth limit.
template <typename To>
struct Bounded {
    explicit Bounded(To& taker) : to(taker) {}
    bool Null() { return to.Null(); }
    bool Bool(bool value) { return to.Bool(value); }
    bool Int(int value) { return to.Int(value); }
    bool Uint(unsigned value) { return to.Uint(value); }
    bool Int64(std::int64_t value) { return to.Int64(value); }
    bool Uint64(std::uint64_t value) {
        constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
        shape.has_large = shape.has_large || value > largest;
        return to.Uint64(value);
    }
    bool Double(double value) { return to.Double(value); }
    bool RawNumber(const char*, rapidjson::SizeType, bool) { return false; }  // not enabled
    bool String(const char* text, rapidjson::SizeType size, bool copy) { return to.String(text, size, copy); }
    bool Key(const char* text, rapidjson::SizeType size, bool copy) { return to.Key(text, size, copy); }
    bool StartObject() { return enter(true) && to.StartObject(); }
    bool EndObject(rapidjson::SizeType count) { return leave() && to.EndObject(count); }
    bool StartArray() { return enter(false) && to.StartArray(); }
    bool EndArray(rapidjson::SizeType count) { return leave() && to.EndArray(count); }

    bool enter(bool object) {
        if (depth == 0) shape.is_object = object;
        return ++depth <= max_depth;
    }
    bool leave() {
        --depth;
        return true;
    }
    To& to;
    std::size_t depth = 0;
    JsonShape shape;
};

std::string place(std::string_view text, std::size_t offset) {
    std::size_t line = 1;
    std::size_t column = 1;
    for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n' ? 1U : 0U;
    }
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

std::string describe(std::string_view text, rapidjson::ParseErrorCode code, std::size_t offset) {
    if (code == rapidjson::kParseErrorTermination) {
        return "no JSON that is accepted: more than " + std::to_string(max_depth) + " levels deep";
    }
    std::string why = rapidjson::GetParseError_En(code);
    if (!why.empty() && why.back() == '.') why.pop_back();
    return "no JSON: " + why + " (" + place(text, offset) + ")";
}

}  // namespace

namespace {

template <typename To>
std::optional<std::string> read(std::string_view text, To& to, JsonShape* shape) {
    // One reader per thread: its stack keeps its memory, so that the steady state allocates nothing.
    thread_local rapidjson::Reader reader;
    ++parsed_texts;
    rapidjson::MemoryStream raw(text.data(), text.size());
    Bounded<To> handler(to);
    const rapidjson::ParseResult result = reader.Parse<parse_flags>(raw, handler);
    if (result.IsError()) return describe(text, result.Code(), result.Offset());
    // RapidJSON would take a NUL for the end of the text.
    if (text.find('\0') != std::string_view::npos)
        return "no JSON: a zero byte (" + place(text, text.find('\0')) + ")";
    if (has_lone_surrogate(text)) return "no JSON that is accepted: half of a surrogate pair";
    if (shape != nullptr) *shape = handler.shape;
    return std::nullopt;
}

}  // namespace

std::optional<std::string> check_json(std::string_view text, JsonShape* shape) {
    Nowhere nowhere;
    return read(text, nowhere, shape);
}

std::optional<std::string> parse_json(std::string_view text, rapidjson::Document& document,
                                      JsonShape* shape) {
    std::optional<std::string> failure;
    const auto from_text = [&](rapidjson::Document& to) {
        failure = read(text, to, shape);
        return !failure;
    };
    document.Populate(from_text);
    return failure;
}

std::optional<std::string> repeated_key(const rapidjson::Value& document) {
    if (document.IsArray()) {
        for (const auto& element : document.GetArray()) {
            if (auto found = repeated_key(element)) return found;
        }
    }
    if (!document.IsObject()) return std::nullopt;
    constexpr rapidjson::SizeType few = 16;  // up to this number all pairs are compared, without allocation
    std::unordered_set<std::string_view> many;
    for (auto member = document.MemberBegin(); member != document.MemberEnd(); ++member) {
        const std::string_view name(member->name.GetString(), member->name.GetStringLength());
        bool twice = false;
        if (document.MemberCount() > few)
            twice = !many.insert(name).second;
        else
            for (auto before = document.MemberBegin(); before != member && !twice; ++before)
                twice = before->name == member->name;
        if (twice) {
            return "no JSON that is accepted: the key \"" + std::string(name.substr(0, 80)) +
                   "\" stands twice in one object";
        }
        if (auto found = repeated_key(member->value)) return found;
    }
    return std::nullopt;
}

std::optional<std::string> number_beyond_64_bits(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') {
            for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1U : 0U;
        } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
            const std::size_t end = std::min(text.find_first_not_of("+-.0123456789eE", i), text.size());
            const std::string_view number = text.substr(i, end - i);
            i = end - 1;
            if (number.find_first_of(".eE") != std::string_view::npos) continue;
            std::int64_t negative = 0;
            std::uint64_t positive = 0;
            const auto read = number[0] == '-'
                                  ? std::from_chars(number.data(), number.data() + number.size(), negative)
                                  : std::from_chars(number.data(), number.data() + number.size(), positive);
            if (read.ec != std::errc())
                return "the number " + std::string(number.substr(0, 80)) +
                       " does not fit MessagePack's 64 bits";
        }
    }
    return std::nullopt;
}

}  // namespace volley::codec

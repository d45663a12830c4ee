#include "testing/shown.hpp"

#include <algorithm>
#include <cstdio>

#include "conformance/same_json.hpp"
#include "handlers/answer.hpp"
#include "handlers/json_cursor.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"
#include "text/text.hpp"

namespace volley::cli::testing {

namespace {

using rapidjson::Value;

std::string quoted(const Value& text) {
    rapidjson::StringBuffer buffer;
    text::JsonWriter writer(buffer);
    text.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

class Indented {
public:
    std::vector<std::string> lines;

    void write(const Value& value, const Value* digits, std::size_t level, const std::string& before,
               const std::string& after) {
        const std::string indent(level * 2, ' ');
        const bool is_composed =
            (value.IsObject() && value.MemberCount() > 0) || (value.IsArray() && value.Size() > 0);
        if (!is_composed) {
            lines.push_back(indent + before + text::as_written(value, digits) + after);
            return;
        }
        lines.push_back(indent + before + (value.IsObject() ? "{" : "["));
        if (value.IsObject())
            members(value, digits, level + 1);
        else
            elements(value, digits, level + 1);
        lines.push_back(indent + (value.IsObject() ? "}" : "]") + after);
    }

private:
    void members(const Value& object, const Value* digits, std::size_t level) {
        std::vector<const Value::Member*> sorted;
        for (const auto& member : object.GetObject()) sorted.push_back(&member);
        const auto name = [](const Value::Member* m) {
            return std::string_view(m->name.GetString(), m->name.GetStringLength());
        };
        std::stable_sort(sorted.begin(), sorted.end(),
                         [&](const auto* a, const auto* b) { return name(a) < name(b); });
        for (const auto* member : sorted)
            write(member->value, text::member_of(digits, name(member)), level, quoted(member->name) + ": ",
                  member == sorted.back() ? "" : ",");
    }
    void elements(const Value& array, const Value* digits, std::size_t level) {
        for (rapidjson::SizeType i = 0; i < array.Size(); ++i) {
            const bool known = digits != nullptr && digits->IsArray() && i < digits->Size();
            write(array[i], known ? &(*digits)[i] : nullptr, level, "", i + 1 == array.Size() ? "" : ",");
        }
    }
};

// Also: no deeper than a body may be, so that the recursion above ends.
bool is_json(std::string_view text) {
    handlers::JsonCursor in(text);
    in.value(handlers::deepest_body);
    if (!in.failed()) in.end();
    return !in.failed();
}

std::vector<std::string> text_lines(std::string_view text) {
    std::vector<std::string> lines;
    for (;;) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        text::append_escaped(lines.emplace_back(), text.substr(0, end), end, text::Quotes::plain);
        if (end == text.size()) return lines;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::string shown(Millis time) {
    struct Unit {
        std::int64_t factor;
        const char* name;
    };
    const std::int64_t ms = time.count();
    for (const Unit unit : {Unit{3'600'000, "h"}, Unit{60'000, "m"}, Unit{1000, "s"}})
        if (ms >= unit.factor && ms % unit.factor == 0) return std::to_string(ms / unit.factor) + unit.name;
    if (ms < 1000) return std::to_string(ms) + "ms";
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", static_cast<double>(ms) / 1000);
    std::string out = text;
    while (out.back() == '0') out.pop_back();
    return out + "s";
}

std::string shown(const std::vector<Millis>& times) {
    std::string out;
    for (const Millis time : times) out += (out.empty() ? "after " : ", then after ") + shown(time);
    return out.empty() ? "none" : out;
}

std::string shown(const std::vector<MessageNumber>& messages) {
    std::string out;
    for (const MessageNumber message : messages) out += (out.empty() ? "" : ", ") + std::to_string(message);
    return out.empty() ? "none" : (messages.size() == 1 ? "message " : "messages ") + out;
}

std::vector<std::string> body_lines(const std::optional<std::string>& body) {
    if (!body) return {"(no body: a tombstone)"};
    if (!text::is_utf8(*body)) return {"(bytes, in base64) " + text::base64(*body)};
    if (!is_json(*body)) return text_lines(*body);
    const text::JsonText json(*body);
    Indented out;
    out.write(json.tree, &json.digits, 0, "", "");
    return out.lines;
}

bool is_same(const Body& expected, const std::optional<std::string>& got) {
    if (expected.kind == Body::Kind::none || !got) return expected.kind == Body::Kind::none && !got;
    return *got == expected.text || conformance::same_json(expected.text, *got, conformance::Numbers::values);
}

}  // namespace volley::cli::testing

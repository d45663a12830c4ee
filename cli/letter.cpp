#include "letter.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::cli {

namespace {

using Pair = std::pair<std::string, std::string>;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr std::string_view prefix = "volley-";
constexpr std::string_view base64_suffix = "_base64";

void sort_in(Letter& letter, std::string name, std::string value) {
    if (name.compare(0, prefix.size(), prefix) == 0)
        letter.verdict.emplace_back(name.substr(prefix.size()), std::move(value));
    else
        letter.headers.emplace_back(std::move(name), std::move(value));
}

std::string_view text_in(const rapidjson::Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

// The bytes of an envelope's member `name`, or of `name_base64`; nothing if it is not there, or null.
std::optional<std::string> bytes_in(const rapidjson::Value& object, const std::string& name) {
    if (const auto plain = object.FindMember(name.c_str());
        plain != object.MemberEnd() && plain->value.IsString())
        return std::string(text_in(plain->value));
    const auto coded = object.FindMember((name + std::string(base64_suffix)).c_str());
    if (coded == object.MemberEnd() || !coded->value.IsString()) return std::nullopt;
    return text::from_base64(text_in(coded->value));
}

void read_envelope_headers(const rapidjson::Value& headers, Letter& letter) {
    for (const auto& member : headers.GetObject()) {
        if (!member.value.IsString()) continue;
        std::string name(text_in(member.name));
        std::string value(text_in(member.value));
        const std::size_t stem = name.size() - std::min(name.size(), base64_suffix.size());
        if (name.compare(stem, std::string::npos, base64_suffix) == 0) {
            if (auto decoded = text::from_base64(value)) {
                name.resize(stem);
                value = std::move(*decoded);
            }
        }
        sort_in(letter, std::move(name), std::move(value));
    }
}

// Does `body` hold a dead letter in an envelope? Then the letter is filled from it.
bool read_envelope(std::string_view body, Letter& letter) {
    constexpr std::string_view begin = "{\"volley_dead_letter\":1,";
    if (body.substr(0, begin.size()) != begin) return false;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
    if (document.HasParseError() || !document.IsObject()) return false;
    if (const auto headers = document.FindMember("headers");
        headers != document.MemberEnd() && headers->value.IsObject())
        read_envelope_headers(headers->value, letter);
    letter.key = bytes_in(document, "key");
    letter.body = bytes_in(document, "body");
    return true;
}

void write_text(Writer& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_bytes(Writer& writer, const std::string& name, std::string_view bytes) {
    const bool utf8 = text::is_utf8(bytes);
    write_text(writer, utf8 ? name : name + std::string(base64_suffix));
    write_text(writer, utf8 ? std::string(bytes) : text::base64(bytes));
}

void write_pairs(Writer& writer, const std::string& name, const std::vector<Pair>& pairs) {
    if (pairs.empty()) return;
    write_text(writer, name);
    writer.StartObject();
    for (const auto& [key, value] : pairs) write_bytes(writer, text::safe(key), value);
    writer.EndObject();
}

}  // namespace

std::string_view Letter::said(std::string_view name) const {
    for (const auto& [known, value] : verdict) {
        if (known == name) return value;
    }
    return {};
}

Letter read_letter(const volley_message& message) {
    Letter letter;
    letter.id = text_of(message.id);
    if (message.header_count == 0 && read_envelope(text_of(message.body), letter)) return letter;
    for (std::uint32_t i = 0; i < message.header_count; ++i)
        sort_in(letter, std::string(text_of(message.headers[i].name)),
                std::string(text_of(message.headers[i].value)));
    if (!is_absent(message.key)) letter.key = text_of(message.key);
    if (!is_absent(message.body)) letter.body = text_of(message.body);
    return letter;
}

std::string to_json(const Letter& letter) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    write_bytes(writer, "id", letter.id);
    write_pairs(writer, "verdict", letter.verdict);
    write_pairs(writer, "headers", letter.headers);
    if (letter.key) write_bytes(writer, "key", *letter.key);
    if (letter.body) {
        write_bytes(writer, "body", *letter.body);
    } else {
        write_text(writer, "body");
        writer.Null();
    }
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace volley::cli

#include "envelope.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <optional>

#include "volley/utf8.hpp"

namespace volley::rsmq {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                 rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>;

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            out.push_back(i + k <= bytes.size() ? digits[group >> (18 - 6 * k) & 63U] : '=');
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    std::string out;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        const std::size_t value = digits.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        out.push_back(static_cast<char>(bits >> have & 0xffU));
    }
    return out;
}

void write_string(Writer& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_text(Writer& writer, const volley_view& view) {
    const std::string_view text = volley::text_of(view);
    if (is_absent(view)) {
        writer.Null();
    } else if (is_utf8(text)) {
        write_string(writer, text);
    } else {
        writer.StartObject();
        write_string(writer, "base64");
        write_string(writer, to_base64(text));
        writer.EndObject();
    }
}

// A header name that is not UTF-8 cannot be the name of a JSON member: it is sent in base64 with this prefix.
constexpr std::string_view base64_name = "base64:";

std::string name_of(const volley_header& header) {
    const std::string_view name = volley::text_of(header.name);
    if (is_utf8(name) && name.substr(0, base64_name.size()) != base64_name) return std::string(name);
    return std::string(base64_name) + to_base64(name);
}

void write_headers(Writer& writer, const volley_record& record) {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < record.header_count; ++i) names.push_back(name_of(record.headers[i]));
    writer.StartObject();
    std::vector<bool> written(names.size(), false);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (written[i]) continue;
        std::vector<std::size_t> same;
        for (std::size_t k = i; k < names.size(); ++k)
            if (names[k] == names[i]) same.push_back(k), written[k] = true;
        write_string(writer, names[i]);
        if (same.size() > 1) writer.StartArray();
        for (const std::size_t k : same) write_text(writer, record.headers[k].value);
        if (same.size() > 1) writer.EndArray();
    }
    writer.EndObject();
}

bool read_text(const rapidjson::Value& from, Opened& out, volley_view& view) {
    view = volley_view{};
    if (from.IsNull()) return true;
    if (from.IsString()) {
        view = view_of(out.texts.emplace_back(from.GetString(), from.GetStringLength()));
        return true;
    }
    if (!from.IsObject() || !from.HasMember("base64") || !from["base64"].IsString()) return false;
    auto bytes = from_base64({from["base64"].GetString(), from["base64"].GetStringLength()});
    if (!bytes) return false;
    view = view_of(out.texts.emplace_back(std::move(*bytes)));
    return true;
}

bool read_header(std::string_view name, const rapidjson::Value& value, Opened& out) {
    volley_header header{};
    if (name.substr(0, base64_name.size()) == base64_name) {
        auto bytes = from_base64(name.substr(base64_name.size()));
        if (!bytes) return false;
        header.name = view_of(out.texts.emplace_back(std::move(*bytes)));
    } else {
        header.name = view_of(out.texts.emplace_back(name));
    }
    if (!read_text(value, out, header.value)) return false;
    out.headers.push_back(header);
    return true;
}

bool read_headers(const rapidjson::Value& headers, Opened& out) {
    if (!headers.IsObject()) return false;
    for (const auto& member : headers.GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        if (!member.value.IsArray()) {
            if (!read_header(name, member.value, out)) return false;
            continue;
        }
        for (const auto& value : member.value.GetArray())
            if (!read_header(name, value, out)) return false;
    }
    return true;
}

}  // namespace

std::string put_into_envelope(const volley_record& record) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    write_string(writer, "volley");
    writer.Uint(1);
    if (record.header_count > 0) {
        write_string(writer, "headers");
        write_headers(writer, record);
    }
    if (!is_absent(record.key)) {
        write_string(writer, "key");
        write_text(writer, record.key);
    }
    write_string(writer, "body");
    write_text(writer, record.body);
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

bool open_envelope(std::string_view stored, Opened& out) {
    constexpr std::string_view begin = "{\"volley\":1,";
    if (stored.substr(0, begin.size()) != begin) return false;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(stored.data(), stored.size());
    if (document.HasParseError() || !document.IsObject() || !document.HasMember("body")) return false;
    Opened opened;
    if (document.HasMember("headers") && !read_headers(document["headers"], opened)) return false;
    if (document.HasMember("key") && !read_text(document["key"], opened, opened.key)) return false;
    if (!read_text(document["body"], opened, opened.body)) return false;
    out = std::move(opened);
    return true;
}

}  // namespace volley::rsmq

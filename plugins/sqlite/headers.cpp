#include "headers.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <optional>

#include "volley/utf8.hpp"

namespace volley::sqlite {

namespace {

using ValidatingWriter = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                           rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>;

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out.push_back(i + k <= bytes.size() ? alphabet[group >> (18 - 6 * k) & 63] : '=');
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string out;
    std::uint32_t bits = 0;
    int have = 0;
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out.push_back(static_cast<char>(bits >> have & 0xff));
        }
    }
    return out;
}

void write_text(ValidatingWriter& writer, std::string_view text) {
    if (is_utf8(text)) {
        writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
        return;
    }
    const std::string encoded = to_base64(text);
    writer.StartObject();
    writer.Key("base64");
    writer.String(encoded.data(), static_cast<rapidjson::SizeType>(encoded.size()));
    writer.EndObject();
}

bool read_text(const rapidjson::Value& from, std::string& out) {
    if (from.IsString()) {
        out.assign(from.GetString(), from.GetStringLength());
        return true;
    }
    if (from.IsBool()) {
        out = from.GetBool() ? "true" : "false";
        return true;
    }
    if (!from.IsObject() || !from.HasMember("base64") || !from["base64"].IsString()) return false;
    auto decoded = from_base64({from["base64"].GetString(), from["base64"].GetStringLength()});
    if (!decoded) return false;
    out = std::move(*decoded);
    return true;
}

bool read_header(const rapidjson::Value& name, const rapidjson::Value& value, std::vector<OwnedHeader>& out) {
    OwnedHeader header;
    header.absent = value.IsNull();
    if (!read_text(name, header.name) || (!header.absent && !read_text(value, header.value))) return false;
    out.push_back(std::move(header));
    return true;
}

bool read_all(const rapidjson::Document& document, std::vector<OwnedHeader>& out) {
    if (document.IsObject()) {
        for (const auto& m : document.GetObject())
            if (!read_header(m.name, m.value, out)) return false;
        return true;
    }
    if (document.HasParseError() || !document.IsArray()) return false;
    for (const auto& pair : document.GetArray())
        if (!pair.IsArray() || pair.Size() != 2 || !read_header(pair[0], pair[1], out)) return false;
    return true;
}

}  // namespace

void write_headers(const volley_header* headers, std::uint32_t count, std::string& out) {
    rapidjson::StringBuffer buffer;
    ValidatingWriter writer(buffer);
    writer.StartArray();
    for (std::uint32_t i = 0; i < count; ++i) {
        writer.StartArray();
        write_text(writer, text_of(headers[i].name));
        if (is_absent(headers[i].value)) {
            writer.Null();
        } else {
            write_text(writer, text_of(headers[i].value));
        }
        writer.EndArray();
    }
    writer.EndArray();
    out.assign(buffer.GetString(), buffer.GetSize());
}

bool read_headers(std::string_view json, std::vector<OwnedHeader>& out) {
    out.clear();
    rapidjson::Document document;
    // Numbers keep their original text.
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    document.Parse<flags>(json.data(), json.size());
    if (read_all(document, out)) return true;
    out.clear();
    return false;
}

}  // namespace volley::sqlite

#include "codec/message_json.hpp"

#include <unordered_map>

#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::codec {

namespace {

using rapidjson::Value;

constexpr std::string_view base64_suffix = "_base64";
constexpr std::string_view base64_name = "base64:";
constexpr std::string_view base64_key = "base64";

void write_text(text::JsonWriter& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string_view text_in(const Value& value) { return {value.GetString(), value.GetStringLength()}; }

std::string name_of(const volley_header& header) {
    const std::string_view name = text_of(header.name);
    const bool is_plain = text::is_utf8(name) && name.substr(0, base64_name.size()) != base64_name;
    return is_plain ? std::string(name) : std::string(base64_name) + text::base64(name);
}

void write_value(text::JsonWriter& writer, const volley_view& value) {
    if (is_absent(value)) {
        writer.Null();
    } else if (text::is_utf8(text_of(value))) {
        write_text(writer, text_of(value));
    } else {
        writer.StartObject();
        write_text(writer, base64_key);
        write_text(writer, text::base64(text_of(value)));
        writer.EndObject();
    }
}

// Whether headers of the same name are adjacent, so that an object keeps their order.
bool are_grouped(const std::vector<std::string>& names) {
    std::unordered_map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto [known, is_new] = last.try_emplace(names[i], i);
        if (!is_new && known->second + 1 != i) return false;
        known->second = i;
    }
    return true;
}

bool read_header(std::string_view name, const Value& value, std::vector<Header>& out) {
    Header header{std::string(name), std::nullopt};
    if (name.substr(0, base64_name.size()) == base64_name) {
        auto decoded = text::from_base64(name.substr(base64_name.size()));
        if (!decoded) return false;
        header.name = std::move(*decoded);
    }
    if (value.IsString()) {
        header.value = text_in(value);
    } else if (const Value* coded = text::member_of(&value, base64_key)) {
        if (!coded->IsString()) return false;
        header.value = text::from_base64(text_in(*coded));
        if (!header.value) return false;
    } else if (!value.IsNull()) {
        return false;
    }
    out.push_back(std::move(header));
    return true;
}

bool read_all(const Value& headers, std::vector<Header>& out) {
    if (headers.IsArray()) {
        for (const Value& pair : headers.GetArray()) {
            if (!pair.IsArray() || pair.Size() != 2 || !pair[0].IsString()) return false;
            if (!read_header(text_in(pair[0]), pair[1], out)) return false;
        }
        return true;
    }
    if (!headers.IsObject()) return false;
    for (const auto& member : headers.GetObject()) {
        if (!member.value.IsArray()) {
            if (!read_header(text_in(member.name), member.value, out)) return false;
            continue;
        }
        for (const Value& value : member.value.GetArray())
            if (!read_header(text_in(member.name), value, out)) return false;
    }
    return true;
}

}  // namespace

void write_bytes(text::JsonWriter& writer, std::string_view name, std::string_view bytes) {
    if (text::is_utf8(bytes)) {
        write_text(writer, name);
        write_text(writer, bytes);
        return;
    }
    write_text(writer, std::string(name) + std::string(base64_suffix));
    write_text(writer, text::base64(bytes));
}

std::optional<std::string> read_bytes(const Value& object, std::string_view name) {
    const Value* plain = text::member_of(&object, name);
    if (plain != nullptr && plain->IsString()) return std::string(text_in(*plain));
    const Value* coded = text::member_of(&object, std::string(name) + std::string(base64_suffix));
    if (coded == nullptr || !coded->IsString()) return std::nullopt;
    return text::from_base64(text_in(*coded));
}

void write_headers(text::JsonWriter& writer, const std::vector<volley_header>& headers) {
    std::vector<std::string> names;
    for (const volley_header& header : headers) names.push_back(name_of(header));
    if (!are_grouped(names)) {
        writer.StartArray();
        for (std::size_t i = 0; i < headers.size(); ++i) {
            writer.StartArray();
            write_text(writer, names[i]);
            write_value(writer, headers[i].value);
            writer.EndArray();
        }
        writer.EndArray();
        return;
    }
    writer.StartObject();
    for (std::size_t i = 0; i < headers.size();) {
        std::size_t end = i + 1;
        while (end < headers.size() && names[end] == names[i]) ++end;
        write_text(writer, names[i]);
        if (end - i > 1) writer.StartArray();
        for (std::size_t k = i; k < end; ++k) write_value(writer, headers[k].value);
        if (end - i > 1) writer.EndArray();
        i = end;
    }
    writer.EndObject();
}

std::optional<std::vector<Header>> read_headers(const Value& headers) {
    std::vector<Header> out;
    if (!read_all(headers, out)) return std::nullopt;
    return out;
}

std::vector<volley_header> views_of(const std::vector<Header>& headers) {
    std::vector<volley_header> views;
    for (const Header& header : headers)
        views.push_back({view_of(header.name), header.value ? view_of(*header.value) : volley_view{}});
    return views;
}

}  // namespace volley::codec

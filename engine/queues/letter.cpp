#include "queues/letter.hpp"

#include <algorithm>

#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::queues {

namespace {

constexpr std::string_view prefix = "volley-";

void sort_in(Letter& letter, codec::Header header) {
    if (header.name.compare(0, prefix.size(), prefix) == 0)
        letter.verdict.emplace_back(header.name.substr(prefix.size()), header.value.value_or(""));
    else
        letter.headers.push_back(std::move(header));
}

// Envelopes of the first form have binary values under "<name>_base64", and no repeated or null headers.
void read_first_form(const rapidjson::Value& headers, Letter& letter) {
    constexpr std::string_view suffix = "_base64";
    for (const auto& member : headers.GetObject()) {
        if (!member.value.IsString()) continue;
        std::string name(member.name.GetString(), member.name.GetStringLength());
        std::string value(member.value.GetString(), member.value.GetStringLength());
        const std::size_t stem = name.size() - std::min(name.size(), suffix.size());
        if (name.compare(stem, std::string::npos, suffix) == 0) {
            if (auto decoded = text::from_base64(value)) {
                name.resize(stem);
                value = std::move(*decoded);
            }
        }
        sort_in(letter, {std::move(name), std::move(value)});
    }
}

// Does `body` hold a dead letter in an envelope? Then the letter is filled from it.
bool read_envelope(std::string_view body, Letter& letter) {
    constexpr std::string_view begin = "{\"volley_dead_letter\":";
    if (body.substr(0, begin.size()) != begin) return false;
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
    if (document.HasParseError() || !document.IsObject()) return false;
    const rapidjson::Value* form = text::member_of(&document, "volley_dead_letter");
    const rapidjson::Value* headers = text::member_of(&document, "headers");
    if (form == nullptr || !form->IsUint()) return false;
    if (form->GetUint() == 1 && headers != nullptr && headers->IsObject()) {
        read_first_form(*headers, letter);
    } else if (headers != nullptr) {
        auto read = codec::read_headers(*headers);
        if (!read) return false;
        for (codec::Header& header : *read) sort_in(letter, std::move(header));
    }
    letter.key = codec::read_bytes(document, "key");
    letter.body = codec::read_bytes(document, "body");
    return true;
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
    for (std::uint32_t i = 0; i < message.header_count; ++i) {
        const volley_header& header = message.headers[i];
        codec::Header read{std::string(text_of(header.name)), std::nullopt};
        if (!is_absent(header.value)) read.value = text_of(header.value);
        sort_in(letter, std::move(read));
    }
    if (!is_absent(message.key)) letter.key = text_of(message.key);
    if (!is_absent(message.body)) letter.body = text_of(message.body);
    return letter;
}

std::string to_json(const Letter& letter) {
    rapidjson::StringBuffer buffer;
    text::JsonWriter writer(buffer);
    writer.StartObject();
    codec::write_bytes(writer, "id", letter.id);
    if (!letter.verdict.empty()) {
        std::vector<volley_header> verdict;
        for (const auto& [name, value] : letter.verdict) verdict.push_back({view_of(name), view_of(value)});
        writer.Key("verdict");
        codec::write_headers(writer, verdict);
    }
    if (!letter.headers.empty()) {
        writer.Key("headers");
        codec::write_headers(writer, codec::views_of(letter.headers));
    }
    if (letter.key) codec::write_bytes(writer, "key", *letter.key);
    if (letter.body) {
        codec::write_bytes(writer, "body", *letter.body);
    } else {
        writer.Key("body");
        writer.Null();
    }
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace volley::queues

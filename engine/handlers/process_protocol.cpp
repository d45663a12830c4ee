#include "handlers/process_protocol.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>

#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::handlers {

namespace {

using rapidjson::Value;

void append_string(std::string& out, std::string_view text) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    out.append(buffer.GetString(), buffer.GetSize());
}

// "name":"text" or "name_base64":"…".
void append_bytes(std::string& out, std::string_view name, std::string_view bytes) {
    const bool utf8 = text::is_utf8(bytes);
    out += '"';
    out += name;
    out += utf8 ? "\":" : "_base64\":";
    if (utf8)
        append_string(out, bytes);
    else
        out += '"' + text::base64(bytes) + '"';
}

// Line breaks between the tokens of JSON are white space; inside of strings JSON has none. So the body stays
// one line.
void append_json_line(std::string& out, std::string_view json) {
    const std::size_t begin = out.size();
    out += json;
    for (std::size_t i = begin; i < out.size(); ++i) {
        if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
    }
}

std::string text_at(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd() || !found->value.IsString()) return {};
    return {found->value.GetString(), found->value.GetStringLength()};
}

std::uint64_t number_at(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsUint64() ? found->value.GetUint64() : 0;
}

bool is_true(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsTrue();
}

Error malformed(const std::string& why) {
    return Error(ErrorCode::permanent, "the handler's answer is malformed: " + why);
}

Result<void> read_body(const Value& value, AnswerOutput& output) {
    if (value.HasMember("text")) {
        output.body = text_at(value, "text");
    } else if (value.HasMember("base64")) {
        auto bytes = text::from_base64(text_at(value, "base64"));
        if (!bytes) return malformed("\"base64\" is no base64");
        output.body = std::move(*bytes);
    } else if (value.HasMember("tombstone")) {
        output.body.reset();
    } else if (value.HasMember("body")) {
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        value["body"].Accept(writer);
        output.body = std::string(buffer.GetString(), buffer.GetSize());
    } else {
        return malformed("an output has no \"body\", \"text\", \"base64\" or \"tombstone\"");
    }
    return {};
}

Result<AnswerOutput> read_output(const Value& value) {
    if (!value.IsObject()) return malformed("an output is no object");
    AnswerOutput output;
    output.queue = text_at(value, "queue");
    if (auto body = read_body(value, output); !body) return body.error();
    if (value.HasMember("key") && value["key"].IsString()) output.key = text_at(value, "key");
    if (value.HasMember("key_base64")) {
        output.key = text::from_base64(text_at(value, "key_base64"));
        if (!output.key) return malformed("\"key_base64\" is no base64");
    }
    if (value.HasMember("partition") && value["partition"].IsInt())
        output.partition = value["partition"].GetInt();
    output.delay_ms = number_at(value, "delay_ms");
    const auto headers = value.FindMember("headers");
    if (headers != value.MemberEnd() && headers->value.IsObject()) {
        for (const auto& header : headers->value.GetObject()) {
            if (!header.value.IsString()) return malformed("a header that is no string");
            output.headers.emplace_back(
                std::string(header.name.GetString(), header.name.GetStringLength()),
                std::string(header.value.GetString(), header.value.GetStringLength()));
        }
    }
    return output;
}

}  // namespace

void append_request(std::string& out, const Request& request, const volley_message& m) {
    out += "{\"id\":\"" + std::to_string(request.id) + "\",";
    if (request.chain != 0) {
        out +=
            "\"call\":" + std::to_string(request.call) + ",\"chain\":" + std::to_string(request.chain) + ',';
    }
    if (!is_absent(m.key)) {
        append_bytes(out, "key", text_of(m.key));
        out += ',';
    }
    if (m.header_count > 0) {
        out += "\"headers\":{";
        for (std::uint32_t i = 0; i < m.header_count; ++i) {
            if (i > 0) out += ',';
            append_string(out, text::safe(text_of(m.headers[i].name)));
            out += ':';
            append_string(out, text::safe(text_of(m.headers[i].value)));
        }
        out += "},";
    }
    out += "\"attempt\":" + std::to_string(request.attempt) + ",";
    if (is_absent(m.body)) {
        out += "\"tombstone\":true,\"body\":null";
    } else if ((m.flags & VOLLEY_MESSAGE_JSON) != 0) {
        out += "\"body\":";
        append_json_line(out, text_of(m.body));
    } else {
        const std::string_view bytes = text_of(m.body);
        if (text::is_utf8(bytes)) {
            out += "\"text\":";
            append_string(out, bytes);
        } else {
            out += "\"base64\":\"" + text::base64(bytes) + '"';
        }
    }
    out += "}\n";
}

void append_cancelled(std::string& out, std::uint64_t id) {
    out += "{\"cancelled\":\"" + std::to_string(id) + "\"}\n";
}

Result<Answer> parse_answer(std::string_view line) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                   rapidjson::kParseValidateEncodingFlag>(line.data(), line.size());
    if (document.HasParseError()) {
        return malformed(std::string("no JSON: ") + rapidjson::GetParseError_En(document.GetParseError()) +
                         " at byte " + std::to_string(document.GetErrorOffset()));
    }
    if (!document.IsObject()) return malformed("no object");
    Answer answer;
    if (const auto hello = document.FindMember("volley"); hello != document.MemberEnd()) {
        answer.kind = Answer::Kind::hello;
        answer.keeps_chains = is_true(document, "chains");
        answer.hears_cancels = is_true(document, "cancels");
        return answer;
    }
    const std::string id = text_at(document, "id");
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), answer.id);
    if (id.empty() || error != std::errc() || end != id.data() + id.size())
        return malformed("its \"id\" is not the message's");
    if (document.HasMember("skipped")) {
        answer.kind = Answer::Kind::skipped;
        return answer;
    }
    const std::pair<const char*, Answer::Kind> kinds[] = {
        {"retry", Answer::Kind::retry}, {"fail", Answer::Kind::fail}, {"drop", Answer::Kind::drop}};
    for (const auto& [name, kind] : kinds) {
        if (!document.HasMember(name)) continue;
        answer.kind = kind;
        answer.why = text_at(document, name);
        answer.after_ms = number_at(document, "after_ms");
        return answer;
    }
    const auto outputs = document.FindMember("outputs");
    if (outputs == document.MemberEnd()) return answer;
    if (!outputs->value.IsArray()) return malformed("\"outputs\" is no list");
    for (const Value& value : outputs->value.GetArray()) {
        auto output = read_output(value);
        if (!output) return output.error();
        answer.outputs.push_back(std::move(*output));
    }
    return answer;
}

}  // namespace volley::handlers

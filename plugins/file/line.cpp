#include "line.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace volley::file {

namespace {

struct Ignore : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Ignore> {};

bool is_json(std::string_view text) {
    rapidjson::MemoryStream stream(text.data(), text.size());
    rapidjson::Reader reader;
    Ignore handler;
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
                               rapidjson::kParseValidateEncodingFlag;
    // A NUL byte ends rapidjson's input.
    return text.find('\0') == std::string_view::npos && !reader.Parse<flags>(stream, handler).IsError();
}

// Requires: is_json(text).
void append_compact(std::string_view text, std::string& out) {
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string && c == '\\') {
            out.append(text, i++, 2);
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (in_string || (c != ' ' && c != '\t' && c != '\n' && c != '\r')) out.push_back(c);
    }
}

}  // namespace

const char* append_line(std::string_view body, std::string& out) {
    if (body.empty()) return "an empty body would be an empty line, which is no message";
    const bool has_newline = body.find('\n') != std::string_view::npos || body.back() == '\r';
    if (!has_newline) {
        out.append(body);
    } else if (is_json(body)) {
        append_compact(body, out);
    } else {
        return "the body contains newlines and is no JSON, so it cannot be one line of the file";
    }
    out.push_back('\n');
    return nullptr;
}

bool is_whole_json(std::string_view text) {
    return !text.empty() && (text[0] == '{' || text[0] == '[') && is_json(text);
}

}  // namespace volley::file

#include "codec/json.hpp"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace volley::codec {

namespace {

// Iterative: hostile nesting must not overflow the stack. Full precision and encoding checks: nothing is
// bent.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                                 rapidjson::kParseValidateEncodingFlag;

// Takes the reader's calls, counts the depth, and keeps nothing.
struct DepthLimit : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthLimit> {
    bool Default() { return true; }
    bool StartObject() { return enter(true); }
    bool StartArray() { return enter(false); }
    bool EndObject(rapidjson::SizeType) { return leave(); }
    bool EndArray(rapidjson::SizeType) { return leave(); }

    bool enter(bool object) {
        if (depth == 0) shape.is_object = object;
        return ++depth <= max_depth;
    }
    bool leave() {
        --depth;
        return true;
    }
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
    return "no JSON: " + why + " (" + place(text, offset) + ")";
}

}  // namespace

std::optional<std::string> check_json(std::string_view text, JsonShape* shape) {
    // One reader a thread: its stack keeps its room, so that the steady state allocates nothing.
    thread_local rapidjson::Reader reader;
    rapidjson::MemoryStream raw(text.data(), text.size());
    DepthLimit handler;
    const rapidjson::ParseResult result = reader.Parse<parse_flags>(raw, handler);
    if (result.IsError()) return describe(text, result.Code(), result.Offset());
    // RapidJSON takes a NUL for the end.
    if (text.find('\0') != std::string_view::npos)
        return "no JSON: a zero byte (" + place(text, text.find('\0')) + ")";
    if (shape != nullptr) *shape = handler.shape;
    return std::nullopt;
}

std::optional<std::string> parse_json(std::string_view text, rapidjson::Document& document) {
    if (auto failure = check_json(text, nullptr)) return failure;
    rapidjson::MemoryStream raw(text.data(), text.size());
    document.ParseStream<parse_flags>(raw);
    return std::nullopt;
}

}  // namespace volley::codec

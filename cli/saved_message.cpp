#include "saved_message.hpp"

#include "codec/json.hpp"
#include "config/diagnostics.hpp"

namespace volley::cli {

namespace {

// Of "body" or "key": a text, or base64 under "<name>_base64".
std::optional<std::string> read_part(const rapidjson::Value& line, const char* name,
                                     std::optional<std::string>& out) {
    const std::string coded_name = std::string(name) + "_base64";
    const rapidjson::Value* plain = text::member_of(&line, name);
    const rapidjson::Value* coded = text::member_of(&line, coded_name);
    if (plain != nullptr && coded != nullptr)
        return "\"" + std::string(name) + "\" and \"" + coded_name + "\" are both given";
    if (plain != nullptr && !plain->IsString() && !plain->IsNull()) {
        return "\"" + std::string(name) +
               "\" must be a text, as `volley peek --json` prints it: JSON within it is escaped";
    }
    out = codec::read_bytes(line, name);
    if (coded != nullptr && !out) return "\"" + coded_name + "\" is no base64";
    return std::nullopt;
}

}  // namespace

std::optional<std::string> read_saved(std::string_view line, SavedMessage& message) {
    message = {};
    rapidjson::Document document;
    if (auto failure = codec::parse_json(line, document)) return failure;
    if (!document.IsObject()) return "the line is no object with a body, as `volley peek --json` prints it";
    if (auto twice = codec::repeated_key(document)) return twice;
    for (const auto& member : document.GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        const bool is_known = name == "id" || name == "id_base64" || name == "key" || name == "key_base64" ||
                              name == "headers" || name == "verdict" || name == "body" ||
                              name == "body_base64";
        if (!is_known) return "the key " + config::in_quotes(name) + " is none of `volley peek --json`'s";
    }
    if (!document.HasMember("body") && !document.HasMember("body_base64"))
        return "\"body\" is missing; null is a tombstone";
    if (auto failure = read_part(document, "body", message.body)) return failure;
    if (auto failure = read_part(document, "key", message.key)) return failure;
    const rapidjson::Value* headers = text::member_of(&document, "headers");
    if (headers == nullptr) return std::nullopt;
    auto read = codec::read_headers(*headers);
    if (!read) return "\"headers\" must be an object from name to value, as `volley peek --json` prints it";
    message.headers = std::move(*read);
    return std::nullopt;
}

}  // namespace volley::cli

#include "codec/codec.hpp"

#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "codec/json.hpp"
#include "codec/msgpack.hpp"
#include "codec/schema.hpp"
#include "volley/plugin.h"

namespace volley::codec {

namespace {

Failure decode_failure(std::string text) { return {VOLLEY_REASON_DECODE, std::move(text)}; }

std::optional<Failure> size_failure(std::size_t size, const Limits& limits) {
    if (limits.max_message_bytes == 0 || size <= limits.max_message_bytes) return std::nullopt;
    return Failure{VOLLEY_REASON_TOO_LARGE, "the body has " + std::to_string(size) +
                                                " bytes; max_message_bytes is " +
                                                std::to_string(limits.max_message_bytes)};
}

Result<std::shared_ptr<const Schema>> compile(const SchemaConfig& schema) {
    if (schema.kind != SchemaConfig::Kind::json_schema) return std::shared_ptr<const Schema>();
    return Schema::compile(schema.text, schema.name);
}

std::string key_at(const rapidjson::Document& document, const std::string& pointer) {
    const rapidjson::Value* value = rapidjson::Pointer(pointer.c_str(), pointer.size()).Get(document);
    if (value == nullptr || value->IsNull()) return {};
    if (value->IsString()) return {value->GetString(), value->GetStringLength()};
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value->Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

// Checks `json` against what a queue asks for. The document is made only if somebody needs it.
std::optional<Failure> check(std::string_view json, const Schema* schema, bool any_object,
                             const std::string* key_pointer, std::string* key) {
    if (schema == nullptr && (key == nullptr || key_pointer == nullptr || key_pointer->empty())) {
        JsonShape shape;
        if (auto failure = check_json(json, &shape)) return decode_failure(*failure);
        if (any_object && !shape.is_object)
            return Failure{VOLLEY_REASON_SCHEMA, "the message: must be a JSON object"};
        return std::nullopt;
    }
    rapidjson::Document document;
    if (auto failure = parse_json(json, document)) return decode_failure(*failure);
    if (any_object && !document.IsObject())
        return Failure{VOLLEY_REASON_SCHEMA, "the message: must be a JSON object"};
    if (schema != nullptr) {
        if (auto twice = repeated_key(document)) return decode_failure(*twice);
        if (auto violation = schema->violation(document)) return Failure{VOLLEY_REASON_SCHEMA, *violation};
    }
    if (key != nullptr && key_pointer != nullptr && !key_pointer->empty())
        *key = key_at(document, *key_pointer);
    return std::nullopt;
}

}  // namespace

Result<Decoder> Decoder::make(Encoding encoding, const SchemaConfig& schema, std::string key_pointer,
                              Limits limits) {
    Decoder decoder;
    // A schema or a key can only be looked for in JSON.
    const bool looks = schema.kind != SchemaConfig::Kind::none || !key_pointer.empty();
    decoder.encoding_ = encoding == Encoding::none && looks ? Encoding::json : encoding;
    decoder.any_object_ = schema.kind == SchemaConfig::Kind::any_object;
    decoder.limits_ = limits;
    if (!key_pointer.empty() && !rapidjson::Pointer(key_pointer.c_str(), key_pointer.size()).IsValid()) {
        return Error(ErrorCode::config,
                     "\"" + key_pointer + "\" is no JSON pointer; write it as /customer/id");
    }
    decoder.key_pointer_ = std::move(key_pointer);
    auto compiled = compile(schema);
    if (!compiled) return compiled.error();
    decoder.schema_ = std::move(*compiled);
    return decoder;
}

bool Decoder::is_pass_through() const { return encoding_ == Encoding::none; }

std::optional<Failure> Decoder::decode(std::string_view body, std::string& scratch, std::string_view& out,
                                       std::string* key) const {
    out = body;
    if (auto failure = size_failure(body.size(), limits_)) return failure;
    if (encoding_ == Encoding::none) return std::nullopt;
    if (encoding_ == Encoding::msgpack) {
        if (auto failure = msgpack_to_json(body, scratch)) return decode_failure(*failure);
        out = scratch;
        const bool looks = schema_ != nullptr || any_object_ || key != nullptr;
        if (!looks) return std::nullopt;
    }
    return check(out, schema_.get(), any_object_, &key_pointer_, key);
}

Result<Encoder> Encoder::make(Encoding encoding, const SchemaConfig& schema, Limits limits) {
    Encoder encoder;
    const bool looks = schema.kind != SchemaConfig::Kind::none;
    encoder.encoding_ = encoding == Encoding::none && looks ? Encoding::json : encoding;
    encoder.any_object_ = schema.kind == SchemaConfig::Kind::any_object;
    encoder.limits_ = limits;
    auto compiled = compile(schema);
    if (!compiled) return compiled.error();
    encoder.schema_ = std::move(*compiled);
    return encoder;
}

bool Encoder::is_pass_through() const {
    return encoding_ == Encoding::none && limits_.max_message_bytes == 0;
}

std::optional<Failure> Encoder::encode(std::string_view body, Encoding, std::string& scratch,
                                       std::string_view& out) const {
    out = body;
    if (encoding_ == Encoding::msgpack) {
        rapidjson::Document document;
        if (auto failure = parse_json(body, document)) return decode_failure(*failure);
        if (auto number = number_beyond_64_bits(body)) return decode_failure(*number);
        if (auto twice = repeated_key(document)) return decode_failure(*twice);
        if (schema_ != nullptr) {
            if (auto violation = schema_->violation(document))
                return Failure{VOLLEY_REASON_SCHEMA, *violation};
        }
        json_to_msgpack(document, scratch);
        out = scratch;
    } else if (encoding_ == Encoding::json) {
        if (auto failure = check(body, schema_.get(), any_object_, nullptr, nullptr)) return failure;
    }
    return size_failure(out.size(), limits_);
}

}  // namespace volley::codec

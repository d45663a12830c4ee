#include "codec/codec.hpp"

#include <rapidjson/pointer.h>

#include <array>

#include "codec/json.hpp"
#include "codec/msgpack.hpp"
#include "codec/raw_value.hpp"
#include "codec/schema.hpp"
#include "text/json_text.hpp"
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

// Numbers keep their digits, also in an object or a list: two are the same key only if they are written
// alike.
std::string key_at(const rapidjson::Document& document, std::string_view json, const std::string& pointer) {
    const rapidjson::Pointer place(pointer.c_str(), pointer.size());
    const rapidjson::Value* value = place.Get(document);
    if (value == nullptr || value->IsNull()) return {};
    if (value->IsString()) return {value->GetString(), value->GetStringLength()};
    if (value->IsBool()) return value->GetBool() ? "true" : "false";
    const std::string_view raw = raw_value(json, document, place);
    if (value->IsNumber()) return std::string(raw);
    const text::JsonText own(raw);
    return text::as_written(own.tree, &own.digits);
}

// The requirements of a queue on bodies.
struct Asked {
    const Schema* schema = nullptr;
    bool any_object = false;
    bool distinct_keys = false;  // for readers that see only one of two equal keys
};

std::optional<Failure> check_tree(const rapidjson::Document& tree, const JsonShape& shape,
                                  const Asked& asked) {
    if (asked.any_object && !tree.IsObject())
        return Failure{VOLLEY_REASON_SCHEMA, "the message: type: must be object"};
    if (asked.schema != nullptr || asked.distinct_keys) {
        if (auto twice = repeated_key(tree)) return decode_failure(*twice);
    }
    if (asked.schema == nullptr) return std::nullopt;
    if (auto violation = asked.schema->violation(tree, shape.has_large))
        return Failure{VOLLEY_REASON_SCHEMA, *violation};
    return std::nullopt;
}

std::optional<Failure> check_text(std::string_view json, const Asked& asked) {
    JsonShape shape;
    if (auto failure = check_json(json, &shape)) return decode_failure(*failure);
    if (asked.any_object && !shape.is_object)
        return Failure{VOLLEY_REASON_SCHEMA, "the message: type: must be object"};
    return std::nullopt;
}

}  // namespace

struct Parsed::State {
    // The pool keeps its first chunk, which is large enough for most messages, and frees the others.
    std::array<char, 64 * 1024> first;
    rapidjson::MemoryPoolAllocator<> pool{first.data(), first.size()};
    std::optional<rapidjson::Document> tree;
    JsonShape shape;
    const char* text = nullptr;
    std::size_t size = 0;

    rapidjson::Document& fresh() {
        tree.reset();
        pool.Clear();
        text = nullptr;
        return tree.emplace(&pool);
    }
    std::optional<std::string> parse(std::string_view json) {
        rapidjson::Document& document = fresh();
        shape = {};
        auto failure = parse_json(json, document, &shape);
        if (!failure) hold(json);
        return failure;
    }
    void hold(std::string_view json) {
        text = json.data();
        size = json.size();
    }
};

Encoding encoding_of(const QueueConfig& queue, bool connector_has_json) {
    switch (queue.serializer) {
        case Serializer::json:
            return Encoding::json;
        case Serializer::msgpack:
            return Encoding::msgpack;
        case Serializer::none:
            return Encoding::none;
        case Serializer::automatic:
            break;
    }
    return queue.schema.kind != SchemaConfig::Kind::none || connector_has_json ? Encoding::json
                                                                               : Encoding::none;
}

Parsed::Parsed() : state_(std::make_unique<State>()) {}
Parsed::~Parsed() = default;
void Parsed::clear() { state_->text = nullptr; }
bool Parsed::is_of(std::string_view text) const {
    return state_->text == text.data() && state_->size == text.size() && !text.empty();
}

namespace {

// For callers without a tree of their own.
Parsed& own_tree() {
    thread_local Parsed parsed;
    return parsed;
}

}  // namespace

Result<Decoder> Decoder::make(Encoding encoding, const SchemaConfig& schema, std::string key_pointer,
                              Limits limits) {
    Decoder decoder;
    // A schema or a key pointer needs JSON.
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
                                       std::string* key, Parsed* keep) const {
    out = body;
    if (auto failure = size_failure(body.size(), limits_)) return failure;
    if (encoding_ == Encoding::none) return std::nullopt;
    const bool takes_key = key != nullptr && !key_pointer_.empty();
    const Asked asked{schema_.get(), any_object_};
    const bool looks = schema_ != nullptr || takes_key || keep != nullptr;
    if (encoding_ == Encoding::json && !looks) return check_text(body, asked);
    if (encoding_ == Encoding::msgpack && !looks && !any_object_) {
        if (auto failure = msgpack_to_json(body, scratch)) return decode_failure(*failure);
        out = scratch;
        return std::nullopt;
    }
    Parsed::State& tree = *(keep != nullptr ? *keep : own_tree()).state_;
    if (encoding_ == Encoding::msgpack) {
        if (auto failure = msgpack_to_tree(body, tree.fresh(), tree.shape.has_large))
            return decode_failure(*failure);
        tree_to_json(*tree.tree, scratch);
        out = scratch;
        tree.hold(out);
    } else if (auto failure = tree.parse(body)) {
        return decode_failure(*failure);
    }
    if (auto failure = check_tree(*tree.tree, tree.shape, asked)) return failure;
    if (takes_key) *key = key_at(*tree.tree, out, key_pointer_);
    return std::nullopt;
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
                                       std::string_view& out, const Parsed* parsed) const {
    out = body;
    const bool packs = encoding_ == Encoding::msgpack;
    const Asked asked{schema_.get(), any_object_, packs};
    if (encoding_ == Encoding::json && schema_ == nullptr) {
        const bool known = parsed != nullptr && parsed->is_of(body);
        if (auto failure = known ? check_tree(*parsed->state_->tree, parsed->state_->shape, asked)
                                 : check_text(body, asked))
            return failure;
    } else if (encoding_ != Encoding::none) {
        if (parsed == nullptr || !parsed->is_of(body)) {
            if (auto failure = own_tree().state_->parse(body)) return decode_failure(*failure);
            parsed = &own_tree();
        }
        const Parsed::State& tree = *parsed->state_;
        if (packs) {
            if (auto number = number_beyond_64_bits(body)) return decode_failure(*number);
        }
        if (auto failure = check_tree(*tree.tree, tree.shape, asked)) return failure;
        if (packs) {
            json_to_msgpack(*tree.tree, scratch);
            out = scratch;
        }
    }
    return size_failure(out.size(), limits_);
}

}  // namespace volley::codec

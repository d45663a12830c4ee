#include "codec/msgpack.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <limits>
#include <msgpack.hpp>

#include "codec/json.hpp"
#include "text/text.hpp"

namespace volley::codec {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
using Failure = std::optional<std::string>;

// Sends a value as RapidJSON events to a writer or a document.
template <typename To>
class Walk {
public:
    explicit Walk(To& to) : to_(to) {}
    bool has_large = false;

    Failure value(const msgpack::object& value) {
        switch (value.type) {
            case msgpack::type::NIL:
                to_.Null();
                return std::nullopt;
            case msgpack::type::BOOLEAN:
                to_.Bool(value.via.boolean);
                return std::nullopt;
            case msgpack::type::POSITIVE_INTEGER:
                has_large = has_large || value.via.u64 > std::numeric_limits<std::int64_t>::max();
                to_.Uint64(value.via.u64);
                return std::nullopt;
            case msgpack::type::NEGATIVE_INTEGER:
                to_.Int64(value.via.i64);
                return std::nullopt;
            case msgpack::type::FLOAT32:
            case msgpack::type::FLOAT64:
                if (!std::isfinite(value.via.f64)) return "no JSON in it: NaN or Infinity";
                to_.Double(value.via.f64);
                return std::nullopt;
            case msgpack::type::STR:
                if (!text::is_utf8({value.via.str.ptr, value.via.str.size}))
                    return "no JSON in it: a string that is no UTF-8";
                to_.String(value.via.str.ptr, value.via.str.size, true);
                return std::nullopt;
            case msgpack::type::ARRAY:
                return array(value.via.array);
            case msgpack::type::MAP:
                return map(value.via.map);
            default:
                return "no JSON in it: a binary or extension value";
        }
    }

private:
    Failure array(const msgpack::object_array& elements) {
        to_.StartArray();
        for (std::uint32_t i = 0; i < elements.size; ++i) {
            if (auto failure = value(elements.ptr[i])) return failure;
        }
        to_.EndArray(elements.size);
        return std::nullopt;
    }
    Failure map(const msgpack::object_map& pairs) {
        to_.StartObject();
        for (std::uint32_t i = 0; i < pairs.size; ++i) {
            const msgpack::object& key = pairs.ptr[i].key;
            if (key.type != msgpack::type::STR) return "no JSON in it: a map key that is no string";
            if (!text::is_utf8({key.via.str.ptr, key.via.str.size}))
                return "no JSON in it: a map key that is no UTF-8";
            to_.Key(key.via.str.ptr, key.via.str.size, true);
            if (auto failure = value(pairs.ptr[i].val)) return failure;
        }
        to_.EndObject(pairs.size);
        return std::nullopt;
    }
    To& to_;
};

// Unpacks, and calls `walk` with the value.
template <typename Taker>
Failure unpack(std::string_view bytes, Taker&& walk) {
    ++parsed_texts;
    try {
        // Limits the sizes that a few bytes can declare.
        const msgpack::unpack_limit limit(bytes.size(), bytes.size(), bytes.size(), bytes.size(),
                                          bytes.size(), max_depth);
        std::size_t offset = 0;
        const msgpack::object_handle handle =
            msgpack::unpack(bytes.data(), bytes.size(), offset, nullptr, nullptr, limit);
        if (offset != bytes.size()) return "no MessagePack: bytes after the end of the value";
        return walk(handle.get());
    } catch (const msgpack::unpack_error& e) {
        return std::string("no MessagePack: ") + e.what();
    }
}

void pack(const rapidjson::Value& value, msgpack::packer<msgpack::sbuffer>& packer) {
    switch (value.GetType()) {
        case rapidjson::kNullType:
            packer.pack_nil();
            break;
        case rapidjson::kFalseType:
            packer.pack_false();
            break;
        case rapidjson::kTrueType:
            packer.pack_true();
            break;
        case rapidjson::kStringType:
            packer.pack_str(value.GetStringLength());
            packer.pack_str_body(value.GetString(), value.GetStringLength());
            break;
        case rapidjson::kNumberType:
            if (value.IsUint64())
                packer.pack_uint64(value.GetUint64());
            else if (value.IsInt64())
                packer.pack_int64(value.GetInt64());
            else
                packer.pack_double(value.GetDouble());
            break;
        case rapidjson::kArrayType:
            packer.pack_array(value.Size());
            for (const auto& element : value.GetArray()) pack(element, packer);
            break;
        case rapidjson::kObjectType:
            packer.pack_map(value.MemberCount());
            for (const auto& member : value.GetObject()) {
                pack(member.name, packer);
                pack(member.value, packer);
            }
            break;
    }
}

}  // namespace

std::optional<std::string> msgpack_to_json(std::string_view bytes, std::string& json) {
    json.clear();
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    Walk<Writer> walk(writer);
    auto failure = unpack(bytes, [&](const msgpack::object& value) { return walk.value(value); });
    if (!failure) json.assign(buffer.GetString(), buffer.GetSize());
    return failure;
}

std::optional<std::string> msgpack_to_tree(std::string_view bytes, rapidjson::Document& tree,
                                           bool& has_large) {
    Failure failure;
    const auto fill = [&](rapidjson::Document& to) {
        Walk<rapidjson::Document> walk(to);
        failure = unpack(bytes, [&](const msgpack::object& value) { return walk.value(value); });
        has_large = walk.has_large;
        return !failure;
    };
    tree.Populate(fill);
    return failure;
}

void tree_to_json(const rapidjson::Document& tree, std::string& json) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    tree.Accept(writer);
    json.assign(buffer.GetString(), buffer.GetSize());
}

void json_to_msgpack(const rapidjson::Value& document, std::string& bytes) {
    msgpack::sbuffer buffer;
    msgpack::packer<msgpack::sbuffer> packer(buffer);
    pack(document, packer);
    bytes.assign(buffer.data(), buffer.size());
}

}  // namespace volley::codec

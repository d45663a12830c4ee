#include "codec/msgpack.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <msgpack.hpp>

#include "codec/json.hpp"

namespace volley::codec {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                                 rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>;

std::optional<std::string> write(const msgpack::object& value, Writer& writer);

std::optional<std::string> write_string(const char* data, std::uint32_t size, Writer& writer) {
    if (writer.String(data, size)) return std::nullopt;
    return "no JSON in it: a string that is no UTF-8";
}

std::optional<std::string> write_map(const msgpack::object& value, Writer& writer) {
    writer.StartObject();
    for (std::uint32_t i = 0; i < value.via.map.size; ++i) {
        const auto& pair = value.via.map.ptr[i];
        if (pair.key.type != msgpack::type::STR) return "no JSON in it: a map key that is no string";
        if (auto failure = write_string(pair.key.via.str.ptr, pair.key.via.str.size, writer)) return failure;
        if (auto failure = write(pair.val, writer)) return failure;
    }
    writer.EndObject();
    return std::nullopt;
}

std::optional<std::string> write(const msgpack::object& value, Writer& writer) {
    switch (value.type) {
        case msgpack::type::NIL:
            writer.Null();
            return std::nullopt;
        case msgpack::type::BOOLEAN:
            writer.Bool(value.via.boolean);
            return std::nullopt;
        case msgpack::type::POSITIVE_INTEGER:
            writer.Uint64(value.via.u64);
            return std::nullopt;
        case msgpack::type::NEGATIVE_INTEGER:
            writer.Int64(value.via.i64);
            return std::nullopt;
        case msgpack::type::FLOAT32:
        case msgpack::type::FLOAT64:
            if (!std::isfinite(value.via.f64)) return "no JSON in it: NaN or Infinity";
            writer.Double(value.via.f64);
            return std::nullopt;
        case msgpack::type::STR:
            return write_string(value.via.str.ptr, value.via.str.size, writer);
        case msgpack::type::ARRAY:
            writer.StartArray();
            for (std::uint32_t i = 0; i < value.via.array.size; ++i) {
                if (auto failure = write(value.via.array.ptr[i], writer)) return failure;
            }
            writer.EndArray();
            return std::nullopt;
        case msgpack::type::MAP:
            return write_map(value, writer);
        default:
            return "no JSON in it: a binary or extension value";
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
    try {
        // The limits bound what a few hostile bytes may claim to hold.
        const msgpack::unpack_limit limit(bytes.size(), bytes.size(), bytes.size(), bytes.size(),
                                          bytes.size(), max_depth);
        std::size_t offset = 0;
        const msgpack::object_handle handle =
            msgpack::unpack(bytes.data(), bytes.size(), offset, nullptr, nullptr, limit);
        if (offset != bytes.size()) return "no MessagePack: bytes after the end of the value";
        rapidjson::StringBuffer buffer;
        Writer writer(buffer);
        if (auto failure = write(handle.get(), writer)) return failure;
        json.assign(buffer.GetString(), buffer.GetSize());
        return std::nullopt;
    } catch (const msgpack::unpack_error& e) {
        return std::string("no MessagePack: ") + e.what();
    }
}

void json_to_msgpack(const rapidjson::Value& document, std::string& bytes) {
    msgpack::sbuffer buffer;
    msgpack::packer<msgpack::sbuffer> packer(buffer);
    pack(document, packer);
    bytes.assign(buffer.data(), buffer.size());
}

}  // namespace volley::codec

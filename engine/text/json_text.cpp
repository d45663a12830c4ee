#include "text/json_text.hpp"

namespace volley::text {

using rapidjson::Value;

JsonText::JsonText(std::string_view json) {
    tree.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    digits.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(json.data(),
                                                                                         json.size());
}

void write_as_written(const Value& value, const Value* digits, JsonWriter& writer) {
    if (value.IsNumber() && digits != nullptr && digits->IsString()) {
        writer.RawValue(digits->GetString(), digits->GetStringLength(), rapidjson::kNumberType);
    } else if (value.IsObject()) {
        writer.StartObject();
        for (const auto& member : value.GetObject()) {
            const std::string_view name(member.name.GetString(), member.name.GetStringLength());
            writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
            write_as_written(member.value, member_of(digits, name), writer);
        }
        writer.EndObject();
    } else if (value.IsArray()) {
        writer.StartArray();
        for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
            const bool known = digits != nullptr && digits->IsArray() && i < digits->Size();
            write_as_written(value[i], known ? &(*digits)[i] : nullptr, writer);
        }
        writer.EndArray();
    } else {
        value.Accept(writer);
    }
}

std::string as_written(const Value& value, const Value* digits) {
    rapidjson::StringBuffer buffer;
    JsonWriter writer(buffer);
    write_as_written(value, digits, writer);
    return {buffer.GetString(), buffer.GetSize()};
}

const Value* member_of(const Value* object, std::string_view name) {
    if (object == nullptr || !object->IsObject()) return nullptr;
    const auto found = object->FindMember(
        Value(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
    return found == object->MemberEnd() ? nullptr : &found->value;
}

}  // namespace volley::text

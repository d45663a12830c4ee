// Writes the JSON of the API. Thread: one at a time.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "text/text.hpp"

namespace volley::operations {

// Writes one line of JSON. Texts may be any bytes.
class Json {
public:
    Json& open() {
        writer_.StartObject();
        return *this;
    }
    Json& open(const char* name) {
        writer_.Key(name);
        return open();
    }
    Json& close() {
        writer_.EndObject();
        return *this;
    }
    Json& list(const char* name) {
        writer_.Key(name);
        writer_.StartArray();
        return *this;
    }
    Json& end_list() {
        writer_.EndArray();
        return *this;
    }
    Json& text(const char* name, std::string_view value) {
        writer_.Key(name);
        const std::string shown = text::safe(value);
        writer_.String(shown.data(), static_cast<rapidjson::SizeType>(shown.size()));
        return *this;
    }
    // Null if it is empty.
    Json& text_or_null(const char* name, std::string_view value) {
        return value.empty() ? null(name) : text(name, value);
    }
    Json& yes(const char* name, bool value) {
        writer_.Key(name);
        writer_.Bool(value);
        return *this;
    }
    Json& count(const char* name, std::uint64_t value) {
        writer_.Key(name);
        writer_.Uint64(value);
        return *this;
    }
    // Null if it is not known: -1.
    Json& known(const char* name, std::int64_t value) {
        if (value < 0) return null(name);
        return count(name, static_cast<std::uint64_t>(value));
    }
    Json& number(const char* name, double value) {
        writer_.Key(name);
        writer_.Double(value);
        return *this;
    }
    // Null if it is 0: there was none.
    Json& time(const char* name, double unix_seconds) {
        return unix_seconds > 0 ? number(name, unix_seconds) : null(name);
    }
    Json& null(const char* name) {
        writer_.Key(name);
        writer_.Null();
        return *this;
    }
    std::string line() const { return std::string(buffer_.GetString(), buffer_.GetSize()); }
    std::string body() const { return line() + "\n"; }

private:
    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace volley::operations

// Parts of a message inside JSON, byte for byte: in the envelopes of dead letters, and in what the command
// line prints and reads.
//
// Bytes that are UTF-8 are a string under their name, others base64 under "<name>_base64". Headers are an
// object: each name has a string, null, {"base64": …}, or, if it is repeated, a list of these. A name that is
// not UTF-8 becomes "base64:…". If the object would lose the order of the headers, they are a list of [name,
// value].
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/json_text.hpp"
#include "volley/plugin.h"

namespace volley::codec {

struct Header {
    std::string name;
    std::optional<std::string> value;  // nothing: null
};

void write_bytes(text::JsonWriter& writer, std::string_view name, std::string_view bytes);

// Returns nothing if the name is missing or its value is null.
std::optional<std::string> read_bytes(const rapidjson::Value& object, std::string_view name);

// As a single value.
void write_headers(text::JsonWriter& writer, const std::vector<volley_header>& headers);

// Returns nothing if they are not valid headers.
std::optional<std::vector<Header>> read_headers(const rapidjson::Value& headers);

// Views that borrow from the headers.
std::vector<volley_header> views_of(const std::vector<Header>& headers);

}  // namespace volley::codec

// Parts of a message inside of JSON, byte for byte: in the envelopes of dead letters and in what the command
// line prints and reads.
//
// Bytes that are UTF-8 are a text under their name, others base64 under "<name>_base64". Headers are an
// object from name to value: a text, null, {"base64": …}, or a list of these where a name stands several
// times. A name that is no UTF-8 is "base64:…". Where that would lose their order, they are a list of [name,
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

// Nothing if there are none under this name, or null.
std::optional<std::string> read_bytes(const rapidjson::Value& object, std::string_view name);

// As one value.
void write_headers(text::JsonWriter& writer, const std::vector<volley_header>& headers);

// Nothing if they are no headers.
std::optional<std::vector<Header>> read_headers(const rapidjson::Value& headers);

// Views of them, for as long as they live.
std::vector<volley_header> views_of(const std::vector<Header>& headers);

}  // namespace volley::codec

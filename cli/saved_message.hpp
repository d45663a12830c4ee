// A message as `volley peek --json` writes it, read back for `volley send --json`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/message_json.hpp"

namespace volley::cli {

struct SavedMessage {
    std::optional<std::string> body;  // nothing: a tombstone
    std::optional<std::string> key;
    std::vector<codec::Header> headers;
};

// Returns why the line is none, or nothing and the message. Its id is the store's, and is not read.
std::optional<std::string> read_saved(std::string_view line, SavedMessage& message);

}  // namespace volley::cli

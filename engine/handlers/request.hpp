// Writes what the engine sends to a child process: one JSON line per message, and one per cancelled message,
// as docs/handler-protocol.md describes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "volley/plugin.h"

namespace volley::handlers {

// The fields of a line beside those of the message.
struct Request {
    std::uint64_t id = 0;
    std::uint32_t attempt = 0;
    std::uint64_t group = 0;  // 0: none, or the child does not support them
    std::uint64_t call = 0;   // groups are numbered anew in each call
    // Adds "source", with this queue unless the message names another; empty: no "source".
    std::string_view queue = {};
};

// Appends the line of a message with its newline: {"id":"7","key":"k","headers":{…},"attempt":1,"body":…}. A
// JSON body is copied. Other bytes are "text" if they are UTF-8, otherwise "base64". A tombstone is
// "body":null with "tombstone":true.
void append_request(std::string& out, const Request& request, const volley_message& message);

// Appends the line for a cancelled message: {"cancelled":"7"}.
void append_cancelled(std::string& out, std::uint64_t id);

}  // namespace volley::handlers

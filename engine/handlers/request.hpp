// What the engine writes to a child process: a JSON line for each message, and one for each message that
// nobody waits for any more. docs/handler-protocol.md is the same in words.
#pragma once

#include <cstdint>
#include <string>

#include "volley/plugin.h"

namespace volley::handlers {

// What a line says beside the message.
struct Request {
    std::uint64_t id = 0;
    std::uint32_t attempt = 0;
    std::uint32_t chain = 0;  // 0: none, or the child does not keep them
    std::uint64_t call = 0;   // chains are numbered anew in each
};

// Appends the line for a message: {"id":"7","key":"k","headers":{…},"attempt":1,"body":…}, newline included.
// A JSON body stands as it is; other bytes as "text" where they are UTF-8, else as "base64"; a tombstone as
// "body":null with "tombstone":true.
void append_request(std::string& out, const Request& request, const volley_message& message);

// Appends the line that says that nobody waits for a message any more: {"cancelled":"7"}.
void append_cancelled(std::string& out, std::uint64_t id);

}  // namespace volley::handlers

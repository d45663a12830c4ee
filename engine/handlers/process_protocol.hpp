// What a child process and the engine say to each other: one JSON line in, one JSON line out.
// docs/handler-protocol.md is the same in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "volley/error.hpp"
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

struct AnswerOutput {
    std::string queue;                // empty: all outputs of the component
    std::optional<std::string> body;  // none: a tombstone
    std::optional<std::string> key;
    std::vector<std::pair<std::string, std::string>> headers;
    std::int32_t partition = -1;
    std::uint64_t delay_ms = 0;
};

struct Answer {
    // skipped: it stands behind a failure of its chain, and was not started. hello: no answer, but the
    // child's first line, which says what it can.
    enum class Kind : std::uint8_t { done, retry, fail, drop, skipped, hello } kind = Kind::done;
    std::uint64_t id = 0;
    std::string why;
    std::uint64_t after_ms = 0;
    bool keeps_chains = false;   // hello
    bool hears_cancels = false;  // hello
    std::vector<AnswerOutput> outputs;
};

// Error permanent, with what is wrong with the line.
Result<Answer> parse_answer(std::string_view line);

}  // namespace volley::handlers

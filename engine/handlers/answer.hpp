// Parses what a child process writes to the engine: one JSON line per message, as docs/handler-protocol.md
// describes. A field that is null, false or "" counts as absent, because serializers of typed languages write
// every field of a struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "volley/plugin.h"

namespace volley::handlers {

// One output. Views borrow from the line, or from `texts` of the answer.
struct AnswerOutput {
    std::optional<std::string_view> queue;  // none: all outputs of the component
    std::optional<std::string_view> body;   // none: a tombstone. JSON is as the child wrote it
    std::optional<std::string_view> key;    // none: that of the message
    std::size_t first_header = 0;           // index in `headers` of the answer
    std::uint32_t header_count = 0;         // 0: those of the message
    bool without_key = false;               // no key at all, not even the message's
    bool without_headers = false;           // likewise
    std::int32_t partition = -1;
    std::uint64_t delay_ms = 0;
};

struct Answer {
    // skipped: not started, because an earlier message of its ordering group has failed. hello: not an
    // answer, but the first line of the child, which declares its capabilities.
    enum class Kind : std::uint8_t { done, retry, fail, drop, skipped, hello } kind = Kind::done;
    std::optional<std::uint64_t> id;
    std::string_view why;
    std::uint64_t after_ms = 0;
    bool keeps_groups = false;   // hello
    bool takes_cancels = false;  // hello
    bool takes_source = false;   // hello
    bool takes_batches = false;  // hello
    bool has_more = false;       // partial: the message goes on, and another answer follows
    std::vector<AnswerOutput> outputs;
    std::vector<volley_header> headers;  // of all outputs, in their order
    std::string texts;                   // decoded strings

    void clear();
};

// The limit on the nesting of a body, as for all JSON bodies.
inline constexpr std::size_t deepest_body = 64;

// Parses a line into `answer`, and reuses its memory. Returns what is wrong with the line, or nothing. If the
// line is wrong, only named_id() has a meaning.
std::optional<std::string> parse_answer(std::string_view line, Answer& answer);

// The id of the message that a line answers, if it can be found although the line is invalid or cut.
std::optional<std::uint64_t> named_id(std::string_view line);

}  // namespace volley::handlers

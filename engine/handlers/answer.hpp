// What a child process writes to the engine: one JSON line for each message. docs/handler-protocol.md is the
// same in words. A field that is null, false or "" is as good as absent: serializers of typed languages write
// every field of a struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "volley/plugin.h"

namespace volley::handlers {

// Views are of the line, or of the answer's own `texts`.
struct AnswerOutput {
    std::optional<std::string_view> queue;  // none: all outputs of the component
    std::optional<std::string_view> body;   // none: a tombstone. JSON stands as the child wrote it
    std::optional<std::string_view> key;    // none: the message's
    std::size_t first_header = 0;           // in the answer's `headers`
    std::uint32_t header_count = 0;         // 0: the message's
    std::int32_t partition = -1;
    std::uint64_t delay_ms = 0;
};

struct Answer {
    // skipped: it stands behind a failure of its chain, and was not started. hello: no answer, but the
    // child's first line, which says what it can.
    enum class Kind : std::uint8_t { done, retry, fail, drop, skipped, hello } kind = Kind::done;
    std::optional<std::uint64_t> id;
    std::string_view why;
    std::uint64_t after_ms = 0;
    bool keeps_chains = false;   // hello
    bool takes_cancels = false;  // hello
    std::vector<AnswerOutput> outputs;
    std::vector<volley_header> headers;  // of all outputs, in their order
    std::string texts;                   // what had to be decoded

    void clear();
};

// Levels of a body, as for every body that is JSON.
inline constexpr std::size_t deepest_body = 64;

// Reads a line into `answer`, whose memory is used again. Returns what is wrong with the line, or nothing; of
// a wrong line only named_id() tells whose it is.
std::optional<std::string> parse_answer(std::string_view line, Answer& answer);

// The message that a line means to answer, as far as that can be told although the line is wrong, or is only
// the beginning of one.
std::optional<std::uint64_t> named_id(std::string_view line);

}  // namespace volley::handlers

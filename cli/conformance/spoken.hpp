// What a handler program writes, read as the engine reads it, and judged. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "handlers/answer.hpp"

namespace volley::cli::conformance {

struct Output {
    std::optional<std::string> queue;
    std::optional<std::string> body;  // none: a tombstone. JSON is as the program wrote it
    std::optional<std::string> key;
    std::vector<std::pair<std::string, std::optional<std::string>>> headers;
    std::int32_t partition = -1;
    std::uint64_t delay_ms = 0;
};

// A line of the program.
struct Spoken {
    // hello: the first line, which declares abilities. noise: not a line of the protocol.
    enum class What : std::uint8_t { hello, answer, noise } what = What::noise;
    std::string line;
    std::string why;       // noise: what is wrong
    std::uint64_t id = 0;  // answer
    bool more = false;     // answer: a partial one
    handlers::Answer::Kind kind = handlers::Answer::Kind::done;
    std::string reason;  // of retry, fail or drop
    std::uint64_t after_ms = 0;
    std::vector<Output> outputs;
};

Spoken read_spoken(std::string_view line);

// What a program declares with its first line. Without such a line: nothing.
struct Abilities {
    int version = 0;
    bool chains = false;
    bool cancels = false;
    bool source = false;
    bool batches = false;
};
Abilities read_abilities(std::string_view hello);

// A message that was sent.
struct Sent {
    std::uint64_t id = 0;
    std::uint64_t call = 0;
    std::uint32_t chain = 0;  // 0: none
};

// The last line about a message: its answer, with the outputs of its partial answers. Nothing if it has none.
std::optional<Spoken> answer_to(std::uint64_t id, const std::vector<Spoken>& spoken);
std::size_t unanswered(const std::vector<Sent>& sent, const std::vector<Spoken>& spoken);

// Each of these returns what is wrong, or nothing.
std::optional<std::string> find_repeated(const std::vector<Spoken>& spoken);
std::optional<std::string> find_unknown(const std::vector<Sent>& sent, const std::vector<Spoken>& spoken);
std::optional<std::string> find_noise(const std::vector<Spoken>& spoken);
// `sent` in the order of the lines. Covers the order inside each chain, and `skipped` exactly behind a
// failure.
std::optional<std::string> find_broken_chain(const std::vector<Sent>& sent,
                                             const std::vector<Spoken>& spoken);

}  // namespace volley::cli::conformance

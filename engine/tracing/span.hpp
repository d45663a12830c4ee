// Spans that have ended, as they wait to be exported.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tracing/context.hpp"

namespace volley::tracing {

// A queue, as spans name it.
struct Destination {
    std::string system;  // messaging.system
    std::string name;    // messaging.destination.name
};

// What the spans of a component have in common. Constant once there are spans of it.
struct SpanSource {
    std::string component;
    Destination input;
    std::vector<Destination> outputs;  // the dead-letter queue is the last
};

enum class Outcome : std::uint8_t { ok, dropped, retry, failed };

struct Span {
    enum class Kind : std::uint8_t {
        process,  // one attempt to process a message
        send,     // the outputs of the attempt, or the dead letter, until the producers have them
    };
    static constexpr std::size_t most_named = 8;
    static constexpr std::size_t longest_text = 512;  // bytes of a text that a message brings

    Kind kind = Kind::process;
    SpanContext context;
    std::uint64_t parent_id = 0;  // 0: none
    std::int64_t begin_ns = 0;    // of the monotonic clock
    std::int64_t end_ns = 0;      // the same
    const SpanSource* source = nullptr;
    std::uint32_t outputs = 0;                        // records that came of the message
    std::array<std::uint16_t, most_named> sent_to{};  // of the first outputs: index in source->outputs

    // Kind::process.
    std::string destination;      // empty: the source's input
    std::string message_id;       // empty: the store gives none
    std::int64_t partition = -1;  // -1: the store has none
    std::int64_t offset = -1;     // the same
    std::uint64_t body_size = 0;  // bytes
    std::uint32_t attempt = 1;
    Outcome outcome = Outcome::ok;
    const char* error_type = "";  // a constant; empty if the attempt did not fail
    std::string error;
};

// What became of the spans.
struct SpanCounts {
    std::uint64_t exported = 0;
    std::uint64_t dropped_queue_full = 0;
    std::uint64_t dropped_refused = 0;      // by the collector
    std::uint64_t dropped_unavailable = 0;  // the collector could not be reached
};

}  // namespace volley::tracing

// W3C Trace Context: the identity of a span, and the header `traceparent` that carries it. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace volley::tracing {

struct SpanContext {
    // The trace id, big-endian. Both halves 0: none.
    std::uint64_t trace_high = 0;
    std::uint64_t trace_low = 0;
    std::uint64_t span_id = 0;  // 0: none
    bool is_sampled = false;
};

// The spans of an attempt to process a message, from their beginning to their end: one of the processing, and
// one of the sending of what came of it, whose context the outputs carry.
struct OpenSpan {
    SpanContext context;          // of the processing
    std::uint64_t send_id = 0;    // of the sending
    std::uint64_t parent_id = 0;  // of the processing; 0: the span is the first of its trace
    std::int64_t begin_ns = 0;    // of the monotonic clock; only if the trace is sampled
    bool propagates = false;      // outputs carry the context; otherwise they carry what the input carries

    SpanContext of_outputs() const {
        return {context.trace_high, context.trace_low, send_id, context.is_sampled};
    }
};

inline constexpr std::size_t traceparent_size = 55;

// Returns nothing if the value is not a valid traceparent. A version later than 00 is read as the
// specification demands: what follows the flags is ignored.
std::optional<SpanContext> parse_traceparent(std::string_view value);

// Writes traceparent_size characters.
void write_traceparent(const SpanContext& context, char* out);

// Writes 16 hexadecimal digits and returns the end.
char* write_hex(std::uint64_t number, char* out);

// Names of HTTP headers do not differ by case, and other stores pass on what came by HTTP.
bool is_traceparent(std::string_view header_name);
bool is_tracestate(std::string_view header_name);

// Returns a random number that is not 0. Cheap: each thread has a generator of its own.
std::uint64_t random_id();

namespace detail {
// SplitMix64: its step, and its output.
inline constexpr std::uint64_t step = 0x9E3779B97F4A7C15U;
constexpr std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ z >> 30U) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27U) * 0x94D049BB133111EBU;
    return z ^ z >> 31U;
}
}  // namespace detail

// Returns an id that the same seed and salt always give. Never 0.
constexpr std::uint64_t derived_id(std::uint64_t seed, std::uint64_t salt) {
    const std::uint64_t id = detail::mixed(detail::mixed(seed + detail::step) ^ salt);
    return id != 0 ? id : 1;
}

}  // namespace volley::tracing

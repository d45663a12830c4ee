#include "tracing/context.hpp"

#include <random>

namespace volley::tracing {

namespace {

constexpr std::uint8_t sampled_flag = 1;

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;  // capital letters are not valid
}

std::optional<std::uint64_t> number_of(std::string_view hex) {
    std::uint64_t number = 0;
    for (const char c : hex) {
        const int value = hex_value(c);
        if (value < 0) return std::nullopt;
        number = number << 4U | static_cast<std::uint64_t>(value);
    }
    return number;
}

bool is_same_name(std::string_view name, std::string_view lower_case) {
    if (name.size() != lower_case.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower_case[i]) return false;
    }
    return true;
}

std::uint64_t seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

// SplitMix64: its step, and its output.
constexpr std::uint64_t step = 0x9E3779B97F4A7C15U;
std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ z >> 30U) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27U) * 0x94D049BB133111EBU;
    return z ^ z >> 31U;
}

}  // namespace

// version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 digits.
std::optional<SpanContext> parse_traceparent(std::string_view value) {
    if (value.size() < traceparent_size) return std::nullopt;
    if (value[2] != '-' || value[35] != '-' || value[52] != '-') return std::nullopt;
    const auto version = number_of(value.substr(0, 2));
    const auto high = number_of(value.substr(3, 16));
    const auto low = number_of(value.substr(19, 16));
    const auto parent = number_of(value.substr(36, 16));
    const auto flags = number_of(value.substr(53, 2));
    if (!version || !high || !low || !parent || !flags) return std::nullopt;
    constexpr std::uint64_t invalid_version = 0xff;
    if (*version == invalid_version) return std::nullopt;
    if (value.size() > traceparent_size && (*version == 0 || value[traceparent_size] != '-'))
        return std::nullopt;
    if ((*high == 0 && *low == 0) || *parent == 0) return std::nullopt;
    return SpanContext{*high, *low, *parent, (*flags & sampled_flag) != 0};
}

char* write_hex(std::uint64_t number, char* out) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned shift = 64; shift > 0; shift -= 4) *out++ = digits[number >> (shift - 4) & 15U];
    return out;
}

void write_traceparent(const SpanContext& context, char* out) {
    *out++ = '0';
    *out++ = '0';
    *out++ = '-';
    out = write_hex(context.trace_high, out);
    out = write_hex(context.trace_low, out);
    *out++ = '-';
    out = write_hex(context.span_id, out);
    *out++ = '-';
    *out++ = '0';
    *out = context.is_sampled ? '1' : '0';
}

bool is_traceparent(std::string_view header_name) { return is_same_name(header_name, "traceparent"); }

bool is_tracestate(std::string_view header_name) { return is_same_name(header_name, "tracestate"); }

std::uint64_t random_id() {
    thread_local std::uint64_t state = seed();
    for (;;) {
        if (const std::uint64_t id = mixed(state += step); id != 0) return id;
    }
}

std::uint64_t derived_id(std::uint64_t seed, std::uint64_t salt) {
    const std::uint64_t id = mixed(mixed(seed + step) ^ salt);
    return id != 0 ? id : 1;
}

}  // namespace volley::tracing

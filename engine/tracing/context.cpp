#include "tracing/context.hpp"

#include <algorithm>
#include <cstring>
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

// All eight digits of a half at once: a message that is not sampled carries 48 of them, too.
char* write_hex(std::uint64_t number, char* out) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    for (const unsigned shift : {32U, 0U}) {
        std::uint64_t half = number >> shift & 0xffffffff;
        half = (half | half << 16U) & 0x0000ffff0000ffff;
        half = (half | half << 8U) & 0x00ff00ff00ff00ff;
        half = (half | half << 4U) & 0x0f0f0f0f0f0f0f0f;
        const std::uint64_t is_letter = ((half + ones * 6) >> 4U) & ones;
        half += ones * '0' + is_letter * ('a' - '0' - 10);
        half = __builtin_bswap64(half);  // the first digit is that of the highest bits
        std::memcpy(out, &half, sizeof half);
        out += sizeof half;
    }
    return out;
}

void write_traceparent(const SpanContext& context, char* out) {
    *out++ = '0';
    *out++ = '0';
    *out++ = '-';
    constexpr std::size_t digits = 16;
    if (context.trace_high == 0)
        out = std::fill_n(out, digits, '0');
    else
        out = write_hex(context.trace_high, out);
    out = write_hex(context.trace_low, out);
    *out++ = '-';
    // To copy the digits, if they are the same, would take longer: a read of 16 bytes waits for two stores
    // of 8.
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
        if (const std::uint64_t id = detail::mixed(state += detail::step); id != 0) return id;
    }
}

}  // namespace volley::tracing

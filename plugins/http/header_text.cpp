#include "header_text.hpp"

#include <algorithm>

namespace volley::http {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_alphanumeric(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

template <typename Stays>
std::string encode(std::string_view bytes, Stays stays) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        if (stays(bytes[i], i)) {
            out.push_back(bytes[i]);
        } else {
            out.push_back('%');
            out.push_back(digits[c >> 4]);
            out.push_back(digits[c & 15]);
        }
    }
    return out;
}

}  // namespace

bool is_token_character(char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// White space at the ends of a value is not part of it.
std::string to_header_value(std::string_view bytes) {
    return encode(bytes, [&](char c, std::size_t i) {
        const bool is_edge = i == 0 || i + 1 == bytes.size();
        return c != '%' && c >= ' ' && c <= '~' && !(c == ' ' && is_edge);
    });
}

std::string to_header_name(std::string_view bytes) {
    return encode(bytes, [](char c, std::size_t) { return c != '%' && is_token_character(c); });
}

std::string from_header(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_encoded =
            text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
        if (!is_encoded) {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
        i += 2;
    }
    return out;
}

bool equals_without_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_of_trace(std::string_view header_name) {
    return equals_without_case(header_name, "traceparent") || equals_without_case(header_name, "tracestate");
}

bool is_same_secret(std::string_view given, std::string_view expected) {
    unsigned difference = given.size() == expected.size() ? 0 : 1;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const char other = expected.empty() ? '\0' : expected[i % expected.size()];
        difference |= static_cast<unsigned char>(given[i] ^ other);
    }
    volatile unsigned result = difference;
    return result == 0;
}

}  // namespace volley::http

#include "text/number.hpp"

#include <charconv>
#include <cmath>
#include <limits>

namespace volley::text {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Removes digits from the front, with single underscores between them if `grouped`. Returns an empty text and
// changes nothing if there are none.
std::string take_digits(std::string_view& text, bool grouped) {
    std::string digits;
    std::size_t at = 0;
    while (at < text.size()) {
        const bool between = grouped && text[at] == '_' && at > 0 && is_digit(text[at - 1]) &&
                             at + 1 < text.size() && is_digit(text[at + 1]);
        if (!is_digit(text[at]) && !between) break;
        if (!between) digits += text[at];
        ++at;
    }
    text.remove_prefix(at);
    return digits;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

struct Decimal {
    std::string whole;
    std::string fraction;
    int exponent = 0;
};

// Removes digits, a fraction and an exponent from the front. An e without digits after it stays.
std::optional<Decimal> take_decimal(std::string_view& text, bool grouped) {
    Decimal out;
    out.whole = take_digits(text, grouped);
    std::string_view rest = text;
    if (take(rest, ".")) {
        out.fraction = take_digits(rest, grouped);
        if (out.whole.empty() && out.fraction.empty()) return std::nullopt;
        text = rest;
    }
    if (out.whole.empty() && out.fraction.empty()) return std::nullopt;
    rest = text;
    if (!take(rest, "eE")) return out;
    const bool negative = !rest.empty() && rest.front() == '-';
    take(rest, "+-");
    const std::string digits = take_digits(rest, false);
    if (digits.empty()) return out;
    constexpr int largest = 9999;  // far beyond a double
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out.exponent);
    if (read.ec != std::errc() || out.exponent > largest) out.exponent = largest;
    if (negative) out.exponent = -out.exponent;
    text = rest;
    return out;
}

double value_of(const std::string& json) {
    double value = std::numeric_limits<double>::infinity();
    const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
    if (error == std::errc::result_out_of_range) {
        // Underflow gives zero, overflow gives nothing.
        const std::size_t e = json.find_first_of("eE");
        return e != std::string::npos && json.find('-', e) != std::string::npos
                   ? 0
                   : std::numeric_limits<double>::infinity();
    }
    return value;
}

std::string as_json(const Decimal& d) {
    // As a whole number if it is one of reasonable length.
    constexpr int longest = 400;
    std::string digits = d.whole + d.fraction;
    int exponent = d.exponent - static_cast<int>(d.fraction.size());
    while (exponent < 0 && digits.size() > 1 && digits.back() == '0') {
        digits.pop_back();
        ++exponent;
    }
    if (exponent >= 0 && exponent < longest) {
        digits.append(static_cast<std::size_t>(exponent), '0');
        const std::size_t first = digits.find_first_not_of('0');
        return first == std::string::npos ? "0" : digits.substr(first);
    }
    if (digits == "0") return "0";
    std::string out = (d.whole.empty() ? "0" : d.whole) + (d.fraction.empty() ? "" : "." + d.fraction);
    if (d.exponent != 0) out += "e" + std::to_string(d.exponent);
    return out;
}

}  // namespace

bool is_json_number(std::string_view text) {
    std::string_view rest = text;
    take(rest, "-");
    if (rest.empty() || !is_digit(rest.front())) return false;
    if (rest.front() == '0' && rest.size() > 1 && is_digit(rest[1])) return false;
    const std::size_t dot = rest.find('.');
    if (dot != std::string_view::npos && (dot + 1 == rest.size() || !is_digit(rest[dot + 1]))) return false;
    return take_decimal(rest, false) && rest.empty() && std::isfinite(value_of(std::string(text)));
}

std::optional<std::string> number_as_json(std::string_view text) {
    const bool negative = !text.empty() && text.front() == '-';
    take(text, "+-");
    std::string out;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        out = std::to_string(value);
    } else {
        const bool ambiguous = text.size() > 1 && text[0] == '0' &&
                               text.find_first_not_of("0123456789_") == std::string_view::npos;
        const auto decimal = ambiguous ? std::nullopt : take_decimal(text, true);
        if (!decimal || !text.empty()) return std::nullopt;
        out = as_json(*decimal);
    }
    if (negative && out != "0") out.insert(0, "-");
    if (!std::isfinite(value_of(out))) return std::nullopt;
    return out;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    const auto json = number_as_json(text);
    if (!json) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(json->data(), json->data() + json->size(), value);
    if (error != std::errc() || end != json->data() + json->size()) return std::nullopt;
    return value;
}

Prefix decimal_prefix(std::string_view text) {
    std::string_view rest = text;
    const auto decimal = take_decimal(rest, true);
    if (!decimal) return {};
    return {value_of(as_json(*decimal)), text.size() - rest.size()};
}

}  // namespace volley::text

#include "conformance/same_json.hpp"

#include <charconv>
#include <map>
#include <string>

#include "handlers/answer.hpp"
#include "handlers/json_cursor.hpp"

namespace volley::cli::conformance {

namespace {

using handlers::JsonCursor;
using Type = JsonCursor::Type;

// The decimal without its spelling: 1.10, 11e-1 and 1.1 are "11e-1".
std::string value_of(std::string_view number) {
    std::string digits;
    std::int64_t exponent = 0;
    bool in_fraction = false;
    const bool negative = !number.empty() && number.front() == '-';
    if (negative) number.remove_prefix(1);
    for (; !number.empty() && number.front() != 'e' && number.front() != 'E'; number.remove_prefix(1)) {
        if (number.front() == '.') {
            in_fraction = true;
            continue;
        }
        if (in_fraction) --exponent;
        if (number.front() != '0' || !digits.empty()) digits += number.front();
    }
    if (!number.empty()) number.remove_prefix(1);
    if (!number.empty() && number.front() == '+') number.remove_prefix(1);
    std::int64_t given = 0;
    std::from_chars(number.data(), number.data() + number.size(), given);
    for (; !digits.empty() && digits.back() == '0'; ++exponent) digits.pop_back();
    if (digits.empty()) return "0";
    return (negative ? "-" : "") + digits + 'e' + std::to_string(exponent + given);
}

std::string decoded(std::string_view raw) {
    std::string storage;
    storage.reserve(raw.size());
    return std::string(handlers::unescaped(raw, storage));
}

// A text that is the same for values that say the same.
std::string canonical(std::string_view json, Numbers numbers, std::size_t levels);

std::string canonical_string(const std::string& text) {
    std::string out;
    handlers::append_json_string(out, text);
    return out;
}

std::string canonical_object(JsonCursor& in, Numbers numbers, std::size_t levels) {
    std::map<std::string, std::string> members;
    std::string_view name;
    for (bool first = true; in.next_member(first, name);) {
        const std::string decoded_name = decoded(name);
        const bool is_string = in.type() == Type::string;
        const std::string_view raw = in.value(levels);
        members[decoded_name] =
            is_string ? canonical_string(decoded(raw)) : canonical(raw, numbers, levels - 1);
    }
    std::string out = "{";
    for (const auto& [key, value] : members) out += canonical_string(key) + ':' + value + ',';
    return out + '}';
}

std::string canonical_array(JsonCursor& in, Numbers numbers, std::size_t levels) {
    std::string out = "[";
    for (bool first = true; in.next_element(first);) {
        const bool is_string = in.type() == Type::string;
        const std::string_view raw = in.value(levels);
        out += (is_string ? canonical_string(decoded(raw)) : canonical(raw, numbers, levels - 1)) + ',';
    }
    return out + ']';
}

// Requires: `levels` > 0 for valid texts, because the cursor has counted them.
std::string canonical(std::string_view json, Numbers numbers, std::size_t levels) {
    JsonCursor in(json);
    switch (in.type()) {
        case Type::object:
            return canonical_object(in, numbers, levels);
        case Type::array:
            return canonical_array(in, numbers, levels);
        case Type::string:
            return canonical_string(decoded(in.value(levels)));
        case Type::number: {
            const std::string_view number = in.value(levels);
            return numbers == Numbers::digits ? std::string(number) : value_of(number);
        }
        default:
            return std::string(in.value(levels));
    }
}

bool is_json(std::string_view text) {
    JsonCursor in(text);
    in.value(handlers::deepest_body);
    if (!in.failed()) in.end();
    return !in.failed();
}

}  // namespace

bool same_json(std::string_view a, std::string_view b, Numbers numbers) {
    constexpr std::size_t levels = handlers::deepest_body + 1;
    return is_json(a) && is_json(b) && canonical(a, numbers, levels) == canonical(b, numbers, levels);
}

}  // namespace volley::cli::conformance

#include "handlers/json_cursor.hpp"

#include <algorithm>
#include <cstring>

namespace volley::handlers {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_continuation(std::string_view text, std::size_t at, unsigned least = 0x80, unsigned most = 0xBF) {
    if (at >= text.size()) return false;
    const auto byte = static_cast<unsigned char>(text[at]);
    return byte >= least && byte <= most;
}

// Returns the length of a non-ASCII character in bytes. 0: it is not valid UTF-8.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead >= 0xC2 && lead <= 0xDF) return is_continuation(text, at + 1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned least = lead == 0xE0 ? 0xA0 : 0x80;
        const unsigned most = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
        return is_continuation(text, at + 1, least, most) && is_continuation(text, at + 2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned least = lead == 0xF0 ? 0x90 : 0x80;
        const unsigned most = lead == 0xF4 ? 0x8F : 0xBF;
        return is_continuation(text, at + 1, least, most) && is_continuation(text, at + 2) &&
                       is_continuation(text, at + 3)
                   ? 4
                   : 0;
    }
    return 0;
}

// Whether eight bytes of a string need no further check: ASCII without control characters, quotes and
// backslashes.
bool are_plain(const char* bytes) {
    constexpr std::uint64_t each = 0x0101010101010101U;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    const std::uint64_t odd =
        (word - each * 0x20) | ((word ^ (each * '"')) - each) | ((word ^ (each * '\\')) - each) | word;
    return (odd & (each * 0x80)) == 0;
}

// Returns the value of the four digits of a \u escape, or -1 if they are invalid.
int hex4(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) return -1;
    int code = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        const char c = text[i];
        const int digit = is_digit(c)              ? c - '0'
                          : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                          : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                                   : -1;
        if (digit < 0) return -1;
        code = code * 16 + digit;
    }
    return code;
}

bool is_high_half(int code) { return code >= 0xD800 && code <= 0xDBFF; }
bool is_low_half(int code) { return code >= 0xDC00 && code <= 0xDFFF; }

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
        put(0xC0U | (code >> 6U));
    } else if (code < 0x10000) {
        put(0xE0U | (code >> 12U));
        put(0x80U | ((code >> 6U) & 0x3FU));
    } else {
        put(0xF0U | (code >> 18U));
        put(0x80U | ((code >> 12U) & 0x3FU));
        put(0x80U | ((code >> 6U) & 0x3FU));
    }
    put(0x80U | (code & 0x3FU));
}

}  // namespace

void JsonCursor::fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    at_ = text_.size();
}

void JsonCursor::skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
        ++at_;
}

JsonCursor::Type JsonCursor::type() {
    skip_space();
    if (at_ >= text_.size()) return Type::none;
    switch (text_[at_]) {
        case '{':
            return Type::object;
        case '[':
            return Type::array;
        case '"':
            return Type::string;
        case 't':
            return Type::yes;
        case 'f':
            return Type::no;
        case 'n':
            return Type::null;
        default:
            return text_[at_] == '-' || is_digit(text_[at_]) ? Type::number : Type::none;
    }
}

bool JsonCursor::expect(char c, const char* what) {
    skip_space();
    if (is_at(c)) {
        ++at_;
        return true;
    }
    if (!failed()) fail(std::string("no JSON: ") + what + " is missing" + here());
    return false;
}

bool JsonCursor::next_member(bool& first, std::string_view& name) {
    if (first && !expect('{', "a {")) return false;
    skip_space();
    if (is_at('}')) {
        ++at_;
        return false;
    }
    if (!first && !expect(',', "a comma or }")) return false;
    first = false;
    skip_space();
    const std::size_t begin = at_ + 1;
    if (!is_at('"')) return expect('"', "a name in quotes");
    if (!skip_string()) return false;
    name = text_.substr(begin, at_ - begin - 1);
    return expect(':', "a colon");
}

bool JsonCursor::next_element(bool& first) {
    if (first && !expect('[', "a [")) return false;
    skip_space();
    if (is_at(']')) {
        ++at_;
        return false;
    }
    if (!first && !expect(',', "a comma or ]")) return false;
    first = false;
    return !failed();
}

std::string_view JsonCursor::value(std::size_t levels) {
    skip_space();
    const std::size_t begin = at_;
    most_levels_ = levels;
    if (!skip_value(levels)) return {};
    const std::string_view all = text_.substr(begin, at_ - begin);
    return all[0] == '"' ? all.substr(1, all.size() - 2) : all;
}

void JsonCursor::end() {
    skip_space();
    if (at_ < text_.size()) fail("no JSON: something stands behind the value" + here());
}

bool JsonCursor::skip_value(std::size_t levels) {
    switch (type()) {
        case Type::object:
        case Type::array:
            if (levels == 0) {
                fail("more than " + std::to_string(most_levels_) + " levels deep" + here());
                return false;
            }
            return is_at('{') ? skip_members(levels - 1) : skip_elements(levels - 1);
        case Type::string:
            return skip_string();
        case Type::number:
            return skip_number();
        case Type::yes:
            return skip_word("true");
        case Type::no:
            return skip_word("false");
        case Type::null:
            return skip_word("null");
        case Type::none:
            break;
    }
    return no_value();
}

bool JsonCursor::skip_members(std::size_t levels) {
    std::string_view name;
    for (bool first = true; next_member(first, name);) {
        if (!skip_value(levels)) return false;
    }
    return !failed();
}

bool JsonCursor::skip_elements(std::size_t levels) {
    for (bool first = true; next_element(first);) {
        if (!skip_value(levels)) return false;
    }
    return !failed();
}

bool JsonCursor::skip_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return no_value();
    at_ += word.size();
    return true;
}

// Names NaN, Infinity and similar words, so that the author can search for them.
bool JsonCursor::no_value() {
    if (failed()) return false;
    std::size_t end = at_ + (is_at('-') || is_at('+') ? 1 : 0);
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    while (end < text_.size() && is_letter(text_[end])) ++end;
    const std::string word(text_.substr(at_, std::min<std::size_t>(end - at_, 20)));
    fail("no JSON: " + (word.empty() ? "a value is missing" : "\"" + word + "\" is no value") + here());
    return false;
}

bool JsonCursor::skip_number() {
    std::size_t at = at_;
    const auto digits = [&] {
        const std::size_t begin = at;
        while (at < text_.size() && is_digit(text_[at])) ++at;
        return at > begin;
    };
    const auto is = [&](char c) { return at < text_.size() && text_[at] == c; };
    if (is('-')) ++at;
    const bool leading_zero = is('0') && at + 1 < text_.size() && is_digit(text_[at + 1]);
    bool good = digits() && !leading_zero;
    if (good && is('.')) {
        ++at;
        good = digits();
    }
    if (good && (is('e') || is('E'))) {
        ++at;
        if (is('+') || is('-')) ++at;
        good = digits();
    }
    if (!good) return no_value();
    at_ = at;
    return true;
}

bool JsonCursor::skip_string() {
    ++at_;
    for (;;) {
        while (at_ + 8 <= text_.size() && are_plain(text_.data() + at_)) at_ += 8;
        if (at_ >= text_.size()) break;
        const auto byte = static_cast<unsigned char>(text_[at_]);
        if (byte == '"') {
            ++at_;
            return true;
        }
        if (byte == '\\') {
            if (!skip_escape()) return false;
        } else if (byte >= 0x80) {
            if (!skip_utf8()) return false;
        } else if (byte < 0x20) {
            fail("no JSON: a control character in a string" + here());
            return false;
        } else {
            ++at_;
        }
    }
    fail("no JSON: a string does not end");
    return false;
}

bool JsonCursor::skip_utf8() {
    const std::size_t length = utf8_length(text_, at_);
    if (length == 0) fail("no JSON: a string is no UTF-8" + here());
    at_ += length;
    return length > 0;
}

bool JsonCursor::skip_escape() {
    const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (kind != '\0' && std::strchr("\"\\/bfnrt", kind) != nullptr) {
        at_ += 2;
        return true;
    }
    const int code = kind == 'u' ? hex4(text_, at_ + 2) : -1;
    if (code < 0) {
        fail("no JSON: an escape that does not exist" + here());
        return false;
    }
    const bool pair =
        is_high_half(code) && text_.substr(at_ + 6, 2) == "\\u" && is_low_half(hex4(text_, at_ + 8));
    if (!pair && (is_high_half(code) || is_low_half(code))) {
        fail("half of a surrogate pair, \"" + std::string(text_.substr(at_, 6)) + "\", is no character" +
             here());
        return false;
    }
    at_ += pair ? 12 : 6;
    return true;
}

std::string_view unescaped(std::string_view raw, std::string& storage) {
    std::size_t at = raw.find('\\');
    if (at == std::string_view::npos) return raw;
    const std::size_t begin = storage.size();
    std::size_t plain = 0;
    for (; at != std::string_view::npos; at = raw.find('\\', plain)) {
        storage += raw.substr(plain, at - plain);
        plain = at + 2;
        constexpr std::string_view letters = "bfnrt";
        constexpr std::string_view meant = "\b\f\n\r\t";
        const char kind = raw[at + 1];
        if (kind == 'u') {
            auto code = static_cast<std::uint32_t>(hex4(raw, at + 2));
            plain = at + 6;
            if (is_high_half(static_cast<int>(code))) {
                const auto low = static_cast<std::uint32_t>(hex4(raw, at + 8));
                code = 0x10000U + ((code - 0xD800U) << 10U) + (low - 0xDC00U);
                plain = at + 12;
            }
            append_utf8(storage, code);
        } else {
            const std::size_t letter = letters.find(kind);
            storage += letter == std::string_view::npos ? kind : meant[letter];
        }
    }
    storage += raw.substr(plain);
    return std::string_view(storage).substr(begin);
}

void append_json_string(std::string& out, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    out += '"';
    std::size_t plain = 0;
    std::size_t at = 0;
    const auto escape = [&](char c) {
        out.append(text, plain, at - plain);
        plain = ++at;
        out += '\\';
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += c;
        } else if (c == '\n') {
            out += 'n';
        } else {
            out += "u00";
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        }
    };
    for (;;) {
        while (at + 8 <= text.size() && are_plain(text.data() + at)) at += 8;
        if (at >= text.size()) break;
        const char c = text[at];
        if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\')
            escape(c);
        else
            ++at;
    }
    out.append(text, plain);
    out += '"';
}

}  // namespace volley::handlers

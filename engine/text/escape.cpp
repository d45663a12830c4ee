#include "text/escape.hpp"

#include <cctype>
#include <cstdio>

#include "volley/utf8.hpp"

namespace volley::text {

namespace {

// Returns where to cut a text of at most `longest` bytes without splitting a character.
std::size_t end_within(std::string_view bytes, std::size_t longest) {
    constexpr std::size_t longest_character = 4;
    for (std::size_t back = 1; back < longest_character && back <= longest; ++back) {
        const std::size_t length = utf8_length(bytes, longest - back);
        if (length > 0) return length > back ? longest - back : longest;
    }
    return longest;
}

}  // namespace

void append_escaped(std::string& out, std::string_view bytes, std::size_t longest, Quotes quotes) {
    constexpr char digits[] = "0123456789abcdef";
    const bool cut = bytes.size() > longest;
    if (cut) bytes = bytes.substr(0, end_within(bytes, longest));
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = utf8_length(bytes, i);
        const auto byte = static_cast<unsigned char>(bytes[i]);
        const bool c1 = length == 2 && byte == 0xC2U && static_cast<unsigned char>(bytes[i + 1]) < 0xA0U;
        if (length == 0 || byte < 0x20U || byte == 0x7FU || c1) {
            const auto code = c1 ? static_cast<unsigned char>(bytes[i + 1]) : byte;
            if (byte == '\n') {
                out += "\\n";
            } else {
                out += "\\u00";
                out += digits[code >> 4U];
                out += digits[code & 15U];
            }
            i += c1 ? 2 : 1;
            continue;
        }
        if (quotes == Quotes::escaped && (byte == '"' || byte == '\\')) out += '\\';
        out.append(bytes, i, length);
        i += length;
    }
    if (cut) out += "…";
}

std::string url_escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
            out += c;
        } else {
            char code[4];
            std::snprintf(code, sizeof code, "%%%02X", byte);
            out += code;
        }
    }
    return out;
}

}  // namespace volley::text

#include "text/escape.hpp"

namespace volley::text {

namespace {

// Bytes of the UTF-8 sequence that starts at `at`; 0: it is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80U                    ? 1
                               : lead >= 0xF0U && lead < 0xF5U ? 4
                               : lead >= 0xE0U                 ? 3
                               : lead >= 0xC2U                 ? 2
                                                               : 0;
    if (length == 0 || lead >= 0xF5U || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) return 0;
    }
    return length;
}

}  // namespace

void append_escaped(std::string& out, std::string_view bytes, std::size_t longest, Quotes quotes) {
    constexpr char digits[] = "0123456789abcdef";
    const bool cut = bytes.size() > longest;
    bytes = bytes.substr(0, longest);
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = sequence_length(bytes, i);
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

}  // namespace volley::text

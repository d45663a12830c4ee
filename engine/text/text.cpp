#include "text/text.hpp"

#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>

namespace volley::text {

std::size_t utf8_prefix(std::string_view bytes) {
    rapidjson::MemoryStream stream(bytes.data(), bytes.size());
    struct Nowhere {
        void Put(char) {}
    } nowhere;
    std::size_t good = 0;
    while (good < bytes.size() && rapidjson::UTF8<>::Validate(stream, nowhere)) good = stream.Tell();
    return good;
}

bool is_utf8(std::string_view bytes) { return utf8_prefix(bytes) == bytes.size(); }

std::string safe(std::string_view bytes) {
    std::string text(bytes);
    if (is_utf8(bytes)) return text;
    for (char& c : text) {
        if (static_cast<unsigned char>(c) > 127U) c = '?';
    }
    return text;
}

std::string base64(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned group = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            group = (group << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        }
        out += digits[(group >> 18U) & 63U];
        out += digits[(group >> 12U) & 63U];
        out += i + 1 < bytes.size() ? digits[(group >> 6U) & 63U] : '=';
        out += i + 2 < bytes.size() ? digits[group & 63U] : '=';
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string out;
    unsigned group = 0;
    int bits = 0;
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    for (const char c : text) {
        unsigned digit = 0;
        if (c >= 'A' && c <= 'Z')
            digit = static_cast<unsigned>(c - 'A');
        else if (c >= 'a' && c <= 'z')
            digit = static_cast<unsigned>(c - 'a') + 26;
        else if (c >= '0' && c <= '9')
            digit = static_cast<unsigned>(c - '0') + 52;
        else if (c == '+')
            digit = 62;
        else if (c == '/')
            digit = 63;
        else
            return std::nullopt;
        group = (group << 6U) | digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>((group >> static_cast<unsigned>(bits)) & 0xFFU);
        }
    }
    return out;
}

}  // namespace volley::text

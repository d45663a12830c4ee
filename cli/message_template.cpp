#include "message_template.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>

namespace volley::cli {

namespace {

// Version 4, as RFC 9562 has it.
std::string random_uuid() {
    static std::random_device random;
    unsigned char bytes[16];
    for (std::size_t i = 0; i < sizeof bytes; i += 4) {
        const std::uint32_t word = random();
        for (std::size_t b = 0; b < 4; ++b) bytes[i + b] = static_cast<unsigned char>(word >> (8 * b));
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    std::string out;
    for (std::size_t i = 0; i < sizeof bytes; ++i) {
        char hex[3];
        std::snprintf(hex, sizeof hex, "%02x", bytes[i]);
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += hex;
    }
    return out;
}

std::string utc_now() {
    using namespace std::chrono;
    const auto since = system_clock::now().time_since_epoch();
    const std::time_t whole = duration_cast<seconds>(since).count();
    std::tm utc{};
    gmtime_r(&whole, &utc);
    char text[40];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text + length, sizeof text - length, ".%03dZ",
                  static_cast<int>(duration_cast<milliseconds>(since).count() % 1000));
    return text;
}

// The name at the beginning of a text that stood after two braces; empty if there is none.
std::string_view name_in(std::string_view text) {
    const std::size_t end = text.find("}}");
    if (end == std::string_view::npos || end == 0) return {};
    const std::string_view name = text.substr(0, end);
    return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos
               ? name
               : std::string_view();
}

}  // namespace

void MessageTemplate::next() {
    ++number_;
    uuid_ = random_uuid();
    now_ = utc_now();
}

std::optional<std::string> MessageTemplate::fill(std::string_view text, std::string& out) const {
    out.clear();
    for (;;) {
        const std::size_t at = text.find("{{");
        out += text.substr(0, at);
        if (at == std::string_view::npos) return std::nullopt;
        text.remove_prefix(at + 2);
        const std::string_view name = name_in(text);
        if (name.empty()) {
            out += "{{";
            continue;
        }
        if (name == "n")
            out += std::to_string(number_);
        else if (name == "uuid")
            out += uuid_;
        else if (name == "now")
            out += now_;
        else
            return "a template knows {{n}}, {{uuid}} and {{now}}, and no {{" + std::string(name) + "}}";
        text.remove_prefix(name.size() + 2);
    }
}

}  // namespace volley::cli

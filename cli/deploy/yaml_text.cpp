#include "deploy/yaml_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "text/text.hpp"

namespace volley::cli::deploy {

namespace {

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
}

// Whether a literal block gives the text back: YAML keeps no other line breaks, and takes the indentation
// from the first line.
bool fits_block(std::string_view text) {
    return is_text(text) && text.find('\r') == std::string_view::npos && text.size() > 1 &&
           text.back() == '\n' && text[text.size() - 2] != '\n' && text.front() != ' ' &&
           text.front() != '\n' && text.front() != '\t' && text.find("\xc2\x85") == std::string_view::npos &&
           text.find("\xe2\x80\xa8") == std::string_view::npos &&
           text.find("\xe2\x80\xa9") == std::string_view::npos && text.rfind("\xef\xbb\xbf", 0) != 0;
}

// Takes the first line off, with its line break.
std::string_view next_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

std::size_t depth_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

}  // namespace

bool is_text(std::string_view bytes) {
    const auto unfit = [](char c) { return is_control(c) && c != '\r'; };
    return std::none_of(bytes.begin(), bytes.end(), unfit) && text::is_utf8(bytes);
}

std::string yaml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        std::array<char, 8> code{};
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (is_control(c)) {
            std::snprintf(code.data(), code.size(), "\\x%02x",
                          static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += code.data();
        } else
            out += c;
    }
    return out + "\"";
}

std::string indented(std::string_view text, std::size_t indent) {
    std::string out;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        if (!out.empty()) out += '\n';
        if (!line.empty()) out += std::string(indent, ' ') + std::string(line);
    }
    return out;
}

std::string block(const std::string& key, const std::string& text, std::size_t indent) {
    const std::string begin = std::string(indent, ' ') + key + ": ";
    if (!fits_block(text)) return begin + yaml_string(text);
    return begin + "|\n" + indented(text, indent + 2);
}

std::string cut_block(std::string_view text, std::string_view first, bool with_first, std::size_t indent) {
    std::string out;
    bool inside = false;
    std::size_t depth = 0;
    while (!text.empty()) {
        const std::string_view line = next_line(text);
        const std::size_t own = depth_of(line);
        if (!inside) {
            if (line.substr(own) != first) continue;
            inside = true;
            depth = own + (with_first ? 0 : 2);
            if (!with_first) continue;
        } else if (line.empty() || own < depth + (with_first ? 1 : 0)) {
            break;
        }
        if (!out.empty()) out += '\n';
        out += std::string(indent, ' ') + std::string(line.substr(std::min(depth, own)));
    }
    return out;
}

}  // namespace volley::cli::deploy

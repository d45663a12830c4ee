#include "config/emit.hpp"

namespace volley::config {

namespace {

std::string escaped(const std::string& text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += std::string("\\") + c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            out += "\\x";
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        } else {
            out += c;
        }
    }
    return out + '"';
}

bool is_plain(const std::string& text) {
    if (text.empty() || text == "~" || text == "null" || text.front() == '-' || text.front() == '?' ||
        text.front() == ' ' || text.back() == ' ' || text.back() == ':')
        return false;
    if (text.find(": ") != std::string::npos || text.find(" #") != std::string::npos) return false;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) return false;
    }
    return text.find_first_of("{}[],&*!|>'\"%@`#") == std::string::npos;
}

// In flow style, on one line.
std::string flow(const Node& node) {
    std::string out;
    switch (node.kind) {
        case Node::Kind::null:
            return "null";
        case Node::Kind::scalar:
            return emit_scalar(node);
        case Node::Kind::sequence:
            for (const Node& element : node.elements) out += (out.empty() ? "" : ", ") + flow(element);
            return "[" + out + "]";
        case Node::Kind::mapping:
            break;
    }
    for (const auto& [key, value] : node.members)
        out += (out.empty() ? "" : ", ") + emit_scalar(key) + ": " + flow(value);
    return "{" + out + "}";
}

}  // namespace

std::string emit_text(const std::string& text) { return is_plain(text) ? text : escaped(text); }

std::string emit_scalar(const Node& node) {
    // A quoted scalar that looks like a number or a boolean stays text.
    const bool looks_typed = node.scalar == "true" || node.scalar == "false" ||
                             node.scalar.find_first_not_of("+-.0123456789eE") == std::string::npos;
    return node.quoted && looks_typed ? escaped(node.scalar) : emit_text(node.scalar);
}

std::string emit_members(const Node& mapping, std::size_t indent) {
    std::string out;
    const std::string margin(indent, ' ');
    for (const auto& [key, value] : mapping.members) {
        out += margin + emit_scalar(key) + ":";
        if (value.kind == Node::Kind::mapping && !value.members.empty())
            out += "\n" + emit_members(value, indent + 2);
        else
            out += " " + flow(value) + "\n";
    }
    return out;
}

}  // namespace volley::config

#include "config/yaml_errors.hpp"

#include <algorithm>

#include "text/text.hpp"

namespace volley::config {

namespace {

constexpr const char* no_yaml = "V0101";
constexpr std::size_t largest_file = 1 << 20;  // a configuration is small

struct Told {
    std::string text;
    std::string help;
};

std::string_view line_at(const Diagnostics& diagnostics, int line) {
    const auto index = static_cast<std::size_t>(line) - 1;
    return line > 0 && index < diagnostics.lines().size() ? std::string_view(diagnostics.lines()[index])
                                                          : std::string_view();
}

// The first line above that says something.
int line_above(const Diagnostics& diagnostics, int line) {
    while (--line > 0) {
        const std::string_view text = line_at(diagnostics, line);
        const std::size_t first = text.find_first_not_of(" \t\r");
        if (first != std::string_view::npos && text[first] != '#') return line;
    }
    return 0;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_lonely_colon(std::string_view line, std::size_t colon) {
    return colon != std::string_view::npos && colon + 1 < line.size() && line[colon + 1] != ' ';
}

// "illegal map value": a second ": " in one line, or a line above whose colon has no space after it.
Told colon(const Diagnostics& diagnostics, Mark& mark) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const std::size_t first = line.find(": ");
    const auto here = static_cast<std::size_t>(mark.column) - 1;
    if (first != std::string_view::npos && first < here) {
        const std::string_view value = trimmed(line.substr(first + 2));
        return {"a value with \": \" in it is not in quotes",
                "write " + std::string(trimmed(line.substr(0, first))) + ": " + in_quotes(value)};
    }
    const int above = line_above(diagnostics, mark.line);
    const std::string_view before = line_at(diagnostics, above);
    if (above == 0) return {"a colon where no value can stand", "put the text before it in quotes"};
    mark.line = above;
    mark.column = static_cast<int>(before.find_first_not_of(" \t")) + 1;
    const std::size_t lonely = before.find(':');
    if (is_lonely_colon(before, lonely)) {
        const std::string whole(trimmed(before));
        const std::size_t at = whole.find(':');
        return {"there is no space after the colon",
                "write " + whole.substr(0, at) + ": " + whole.substr(at + 1)};
    }
    return {"this line is no \"key: value\"", "write a key, a colon, a space and the value"};
}

Told indentation(const Diagnostics& diagnostics, const Mark& mark) {
    const int above = line_above(diagnostics, mark.line);
    std::string help = "what belongs together begins in the same column";
    if (above > 0) {
        const std::size_t column = line_at(diagnostics, above).find_first_not_of(' ');
        help += "; line " + std::to_string(above) + " begins in column " + std::to_string(column + 1);
    }
    return {"this line does not fit the indentation above it", help};
}

Told unclosed(const Diagnostics& diagnostics, const Mark& mark, const Mark& opened, char close) {
    const std::string_view line = line_at(diagnostics, mark.line);
    if (line.find("${") != std::string_view::npos && line.find("\"${") == std::string_view::npos)
        return {"${…} inside { } or [ ] is not in quotes", "write \"${NAME}\""};
    std::string help = "close it, or put what stands here in quotes";
    if (opened.line > 0) {
        help = "it was opened at line " + std::to_string(opened.line) + ", column " +
               std::to_string(opened.column) + "; " + help;
    }
    if (line.find("//") != std::string_view::npos) help += "\na comment begins with #";
    return {"\"" + std::string(1, close) + "\" or a comma is missing before this", help};
}

Told reserved(const Diagnostics& diagnostics, const Mark& mark) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const auto at = static_cast<std::size_t>(mark.column) - 1;
    const std::string character = at < line.size() ? std::string(1, line[at]) : std::string();
    return {"a value cannot begin with " + character,
            at < line.size() ? "put it in quotes: " + in_quotes(trimmed(line.substr(at))) : std::string()};
}

bool begins(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

Told tell(const std::string& message, Mark& mark, const Mark& opened, const Diagnostics& diagnostics) {
    if (begins(message, "illegal map value")) return colon(diagnostics, mark);
    if (begins(message, "end of map flow")) return unclosed(diagnostics, mark, opened, '}');
    if (begins(message, "end of sequence flow")) return unclosed(diagnostics, mark, opened, ']');
    if (begins(message, "illegal flow end"))
        return {"this closes what was not opened, or something inside it is not closed",
                "each [ needs its ], each { its }"};
    if (begins(message, "end of map") || begins(message, "end of sequence"))
        return indentation(diagnostics, mark);
    if (begins(message, "illegal block entry"))
        return {"\"- \" begins a list where none can stand", "indent it like the entries above, or quote it"};
    if (begins(message, "illegal map key"))
        return {"a key where none can stand", "indent it like the keys above, or put it in quotes"};
    if (begins(message, "unknown token")) return reserved(diagnostics, mark);
    if (begins(message, "unknown escape"))
        return {"inside \"…\", a backslash begins an escape, and there is none of this letter",
                "write \\\\ for a backslash, or use '…'"};
    return {"this is no YAML: " + message, "a value with special characters belongs in quotes"};
}

void bad_bytes(const std::string& text, std::size_t at, const std::string& file, Diagnostics& diagnostics,
               std::string said, std::string help) {
    const auto newline = text.rfind('\n', at);
    const std::size_t begin = newline == std::string::npos || at == 0 ? 0 : newline + 1;
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(begin), '\n') + 1;
    const auto column = std::count_if(
        text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(at),
        [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
    diagnostics.error(no_yaml, {file, static_cast<int>(line), static_cast<int>(column) + 1, {}},
                      std::move(said), std::move(help));
}

}  // namespace

bool check_bytes(const std::string& text, const std::string& file, Diagnostics& diagnostics) {
    if (text.size() > largest_file) {
        diagnostics.error(no_yaml, {file, 0, 0, {}}, "the file is larger than 1 MiB",
                          "is it the configuration? Large schemas are files of their own");
        return false;
    }
    const std::string_view start = std::string_view(text).substr(0, 2);
    if (start == "\xFF\xFE" || start == "\xFE\xFF") {
        diagnostics.error(no_yaml, {file, 0, 0, {}}, "the file is UTF-16", "save it as UTF-8");
        return false;
    }
    const std::size_t good = text::utf8_prefix(text);
    if (good < text.size()) {
        bad_bytes(text, good, file, diagnostics, "a byte that is no UTF-8", "save the file as UTF-8");
        return false;
    }
    const auto odd = std::find_if(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F;
    });
    if (odd == text.end()) return true;
    bad_bytes(text, static_cast<std::size_t>(odd - text.begin()), file, diagnostics,
              "a control character (" + std::to_string(static_cast<unsigned char>(*odd)) + ")",
              "remove it; inside \"…\" it can be written as an escape");
    return false;
}

void add_yaml_error(const std::string& message, Mark mark, const Mark& opened, Diagnostics& diagnostics) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const std::size_t first = line.find_first_not_of(' ');
    if (first != std::string_view::npos && line[first] == '\t') {
        mark.column = static_cast<int>(first) + 1;
        diagnostics.error(no_yaml, mark, "a tab indents this line",
                          "indent with spaces: YAML does not allow tabs");
        return;
    }
    if (begins(message, "the referenced anchor")) {
        diagnostics.error("V0103", mark, "aliases (*name) are not read",
                          "write the value out; text that begins with * is written in quotes");
        return;
    }
    Told told = tell(message, mark, opened, diagnostics);
    diagnostics.error(no_yaml, mark, std::move(told.text), std::move(told.help));
}

}  // namespace volley::config

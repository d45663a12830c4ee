#include "config/yaml_errors.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "config/interpolate.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

constexpr const char* no_yaml = "V0101";

struct Told {
    std::string text;
    std::string help;
};

std::string_view line_at(const Diagnostics& diagnostics, int line) {
    const auto index = static_cast<std::size_t>(line) - 1;
    return line > 0 && index < diagnostics.lines().size() ? std::string_view(diagnostics.lines()[index])
                                                          : std::string_view();
}

// The nearest line above that is not empty.
int line_above(const Diagnostics& diagnostics, int line) {
    while (--line > 0) {
        const std::string_view text = line_at(diagnostics, line);
        const std::size_t first = text.find_first_not_of(" \t\r");
        if (first != std::string_view::npos && text[first] != '#') return line;
    }
    return 0;
}

// Marks count characters.
std::size_t byte_at(std::string_view line, const Mark& mark) {
    return byte_of(line, static_cast<std::size_t>(std::max(mark.column, 1)) - 1);
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_lonely_colon(std::string_view line, std::size_t colon) {
    return colon != std::string_view::npos && colon + 1 < line.size() && line[colon + 1] != ' ';
}

// "illegal map value": the line has a second ": ", or the colon of a line above has no space after it.
Told colon(const Diagnostics& diagnostics, Mark& mark) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const std::size_t first = line.find(": ");
    const std::size_t here = byte_at(line, mark);
    if (first != std::string_view::npos && first < here) {
        const std::string_view value = trimmed(line.substr(first + 2));
        if (holds_a_secret(line))
            return {"a value with \": \" in it is not in quotes", "put the value in quotes"};
        return {"a value with \": \" in it is not in quotes",
                "write " + std::string(trimmed(line.substr(0, first))) + ": " + in_quotes(value)};
    }
    const int above = line_above(diagnostics, mark.line);
    const std::string_view before = line_at(diagnostics, above);
    if (above == 0) return {"a colon where no value can stand", "put the text before it in quotes"};
    mark.line = above;
    mark.column = static_cast<int>(before.find_first_not_of(" \t")) + 1;
    const std::size_t lonely = before.find(':');
    if (is_lonely_colon(before, lonely) && names_a_secret(trimmed(before.substr(0, lonely))))
        return {"there is no space after the colon", "write a space after the colon"};
    if (is_lonely_colon(before, lonely)) {
        const std::string whole(trimmed(before));
        const std::size_t at = whole.find(':');
        return {"there is no space after the colon",
                "write " + whole.substr(0, at) + ": " + whole.substr(at + 1)};
    }
    return {"this line is no \"key: value\"", "write a key, a colon, a space and the value"};
}

Told indentation(const Diagnostics& diagnostics, const Mark& mark) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const std::size_t here = byte_at(line, mark);
    if (here > 0 && here <= line.size() && (line[here - 1] == '"' || line[here - 1] == '\''))
        return {"the text goes on after the quote that closes it",
                "inside '…' write '' for a quote, inside \"…\" write \\\""};
    const int above = line_above(diagnostics, mark.line);
    std::string help = "what belongs together begins in the same column";
    if (above > 0) {
        const std::size_t column = line_at(diagnostics, above).find_first_not_of(' ');
        help += "; line " + std::to_string(above) + " begins in column " + std::to_string(column + 1);
    }
    return {"this line does not fit the indentation above it", help};
}

// Inside { } and [ ] the braces of a variable are YAML syntax.
std::optional<Told> unquoted_variable(std::string_view line) {
    const std::size_t begin = line.find("${");
    if (begin == std::string_view::npos || (begin > 0 && (line[begin - 1] == '"' || line[begin - 1] == '\'')))
        return std::nullopt;
    const std::size_t end = line.find('}', begin);
    const std::string_view variable =
        line.substr(begin, end == std::string_view::npos ? end : end + 1 - begin);
    if (holds_a_secret(line)) return Told{"${…} inside { } or [ ] is not in quotes", "write \"${…}\""};
    return Told{"${…} inside { } or [ ] is not in quotes", "write " + in_quotes(variable)};
}

Told unclosed(const Diagnostics& diagnostics, const Mark& mark, const Mark& opened, char close) {
    const std::string_view line = line_at(diagnostics, mark.line);
    if (const auto variable = unquoted_variable(line)) return *variable;
    std::string help = "close it, or put what stands here in quotes";
    if (opened.line > 0) {
        help = "it was opened at line " + std::to_string(opened.line) + ", column " +
               std::to_string(opened.column) + "; " + help;
    }
    if (line.find("//") != std::string_view::npos) help += "\na comment begins with #";
    return {"\"" + std::string(1, close) + "\" or a comma is missing before this", help};
}

// A } or ] that does not match the last opening bracket of its line.
Told wrong_end(const Diagnostics& diagnostics, const Mark& mark) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const std::size_t here = byte_at(line, mark);
    std::vector<std::size_t> open;
    char quote = '\0';
    for (std::size_t i = 0; i < std::min(here, line.size()); ++i) {
        const char c = line[i];
        if (quote != '\0') {
            if (c == quote) quote = '\0';
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '{' || c == '[') {
            open.push_back(i);
        } else if ((c == '}' || c == ']') && !open.empty()) {
            open.pop_back();
        }
    }
    if (open.empty())
        return {"this closes what was not opened, or something inside it is not closed",
                "each [ needs its ], each { its }"};
    const char opened = line[open.back()];
    const auto column =
        std::count_if(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(open.back()),
                      [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
    return {"the " + std::string(1, opened) + " in column " + std::to_string(column + 1) +
                " is not closed before this",
            "write its " + std::string(1, opened == '[' ? ']' : '}') + " where the " +
                (opened == '[' ? "list" : "mapping") + " ends"};
}

Told reserved(const Diagnostics& diagnostics, const Mark& mark) {
    const std::string_view line = line_at(diagnostics, mark.line);
    const std::size_t at = byte_at(line, mark);
    const std::string character = at < line.size() ? std::string(1, line[at]) : std::string();
    if (character == "%" && at > 0 && line[at - 1] == '{')
        return {"template statements {% … %} are not carried out",
                "write the file out; ${NAME} stands for the environment variable NAME"};
    if (holds_a_secret(line)) return {"a value cannot begin with " + character, "put it in quotes"};
    return {"a value cannot begin with " + character,
            at < line.size() ? "put it in quotes: " + in_quotes(trimmed(line.substr(at))) : std::string()};
}

bool begins(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

Told tell(const std::string& message, Mark& mark, const Mark& opened, const Diagnostics& diagnostics) {
    if (begins(message, "illegal map value")) return colon(diagnostics, mark);
    if (begins(message, "end of map flow")) return unclosed(diagnostics, mark, opened, '}');
    if (begins(message, "end of sequence flow")) return unclosed(diagnostics, mark, opened, ']');
    if (begins(message, "illegal flow end")) return wrong_end(diagnostics, mark);
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
              *odd == '\0'
                  ? std::string("a zero byte")
                  : "a control character (byte " + std::to_string(static_cast<unsigned char>(*odd)) + ")",
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
        const std::string_view rest = line.substr(byte_at(line, mark));
        const std::string name(
            rest.substr(std::min<std::size_t>(1, rest.size()), rest.find_first_of(" ,]}:\t\r") - 1));
        diagnostics.error("V0103", mark, "no value above is marked " + in_quotes("&" + name),
                          "write &" + name +
                              " before the value that is meant; text that begins with * is written in quotes",
                          std::max(static_cast<int>(name.size()) + 1, 1));
        return;
    }
    Told told = tell(message, mark, opened, diagnostics);
    diagnostics.error(no_yaml, mark, std::move(told.text), std::move(told.help));
}

}  // namespace volley::config

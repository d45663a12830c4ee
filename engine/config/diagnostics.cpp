#include "config/diagnostics.hpp"

#include <algorithm>
#include <cctype>

#include "config/interpolate.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

constexpr std::size_t widest_line = 120;
constexpr std::size_t widest_quote = 80;
constexpr std::size_t most_before = 512;
constexpr std::size_t most_with_lines = 100;  // far more than are printed; lines may be long
constexpr std::size_t longest_word = 256;     // the cost of a distance is the product of the lengths

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

std::size_t distance(std::string_view a, std::string_view b) {  // Levenshtein's, one row at a time
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            const bool equal = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (equal ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Characters that control a terminal, or that change the direction of text.
bool is_hostile(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    if (byte(0) == 0xC2U) return byte(1) < 0xA0U;  // C1
    if (byte(0) != 0xE2U) return false;
    return (byte(1) == 0x80U && byte(2) >= 0xAAU && byte(2) <= 0xAEU) ||
           (byte(1) == 0x81U && byte(2) >= 0xA6U && byte(2) <= 0xA9U);
}

std::string printable(std::string_view text) {
    const std::string whole = text::safe(text);
    std::string out;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        const auto byte = static_cast<unsigned char>(whole[at]);
        if (is_hostile(whole, at)) {
            out += '?';
            while (at + 1 < whole.size() && continues(whole[at + 1])) ++at;
        } else {
            out += byte < 0x20 || byte == 0x7F ? ' ' : whole[at];
        }
    }
    return out;
}

void mask(std::string& line, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
        if (!continues(line[i])) line[i] = '*';
    }
    line.erase(std::remove_if(line.begin() + static_cast<std::ptrdiff_t>(begin),
                              line.begin() + static_cast<std::ptrdiff_t>(end), continues),
               line.begin() + static_cast<std::ptrdiff_t>(end));
}

// The default of a variable that is a secret, or that is the value of a secret key.
void mask_default(std::string& line, std::size_t variable, bool is_of_secret) {
    const std::size_t end = std::min(line.find('}', variable), line.size());
    const std::size_t colon = line.find(":-", variable);
    if (colon == std::string::npos || colon > end) return;
    const std::string_view name = std::string_view(line).substr(variable + 2, colon - variable - 2);
    if (is_of_secret || names_a_secret(name)) mask(line, colon + 2, end);
}

// A quoted value ends at its closing quote.
std::size_t end_of_value(const std::string& line, std::size_t value) {
    const char before = value > 0 ? line[value - 1] : ' ';
    const bool quoted = before == '"' || before == '\'';
    const std::size_t end = quoted ? line.find(before, value) : line.find_first_of(",}\r", value);
    return std::min(end, line.size());
}

// Masks secrets in a line of the file. Positions in the line do not change.
std::string without_secrets(std::string_view text) {
    std::string line(text);
    for (std::size_t at = 0; (at = line.find("${", at)) != std::string::npos; ++at)
        mask_default(line, at, false);
    for (std::size_t colon = 0; (colon = line.find(':', colon)) != std::string::npos; ++colon) {
        const std::size_t name = line.find_last_of(" {,\"'", colon == 0 ? 0 : colon - 1) + 1;
        const std::size_t value = line.find_first_not_of(" \"'", colon + 1);
        if (value == std::string::npos || !names_a_secret(std::string_view(line).substr(name, colon - name)))
            continue;
        if (line.compare(value, 2, "${") == 0)
            mask_default(line, value, true);
        else
            mask(line, value, end_of_value(line, value));
    }
    for (std::size_t at = 0; (at = line.find("://", at)) != std::string::npos; at += 3) {
        const std::size_t end = std::min(line.find_first_of(" /,\"'}", at + 3), line.size());
        const std::size_t host = line.rfind('@', end);
        if (host != std::string::npos && host > at) mask(line, at + 3, host);
    }
    // user:password@host without a scheme, which may be an error itself.
    for (std::size_t at = 0; (at = line.find('@', at)) != std::string::npos; ++at) {
        const std::size_t begin = line.find_last_of(" \"'{}[],/", at) + 1;
        if (line.substr(begin, at - begin).find(':') != std::string::npos) mask(line, begin, at);
    }
    return line;
}

}  // namespace

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::error; });
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    if (word.size() > longest_word) return {};
    std::string best;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : known) {
        if (candidate.size() > longest_word) continue;
        const std::size_t d = distance(word, candidate);
        if (d < least) {
            least = d;
            best = candidate;
        }
    }
    // "warn" always means warning, even if other words are as similar.
    std::vector<const std::string*> longer;
    for (const std::string& candidate : known) {
        if (word.size() >= 3 && candidate.rfind(word, 0) == 0) longer.push_back(&candidate);
    }
    return longer.size() == 1 && least > 1 ? *longer.front() : best;
}

std::size_t byte_of(std::string_view text, std::size_t n) {
    std::size_t at = 0;
    while (at < text.size() && n > 0) {
        ++at;
        while (at < text.size() && continues(text[at])) ++at;
        --n;
    }
    return at;
}

bool holds_a_secret(std::string_view line) { return without_secrets(line) != line; }

std::string in_quotes(std::string_view text) {
    const std::size_t end = byte_of(text, widest_quote);
    return '"' + printable(text.substr(0, end)) + (end < text.size() ? "…\"" : "\"");
}

void show_line(Diagnostic& d, std::string_view line) {
    const auto column = static_cast<std::size_t>(std::max(d.mark.column - 1, 0));
    const std::size_t start = column > widest_line * 2 / 3 ? column - widest_line / 3 : 0;
    const std::size_t first = byte_of(line, start);
    // The key of a secret may be left of the visible part.
    std::size_t from = first > most_before ? first - most_before : 0;
    while (from > 0 && continues(line[from])) --from;
    const auto left = static_cast<std::size_t>(std::count_if(
        line.begin() + static_cast<std::ptrdiff_t>(from), line.begin() + static_cast<std::ptrdiff_t>(first),
        [](char c) { return !continues(c); }));
    const std::string part = without_secrets(line.substr(from, first - from + 4 * (widest_line + 1)));
    const std::string_view rest = std::string_view(part).substr(byte_of(part, left));
    const std::size_t size = byte_of(rest, widest_line);
    d.line_start = static_cast<int>(start);
    d.line_text = printable(rest.substr(0, size));
    while (!d.line_text.empty() && d.line_text.back() == ' ') d.line_text.pop_back();
    if (size < rest.size()) d.line_text += "…";
    const auto room = static_cast<int>(widest_line - (column - start));
    d.length = std::clamp(d.length, 1, std::max(room, 1));
}

Diagnostics::Diagnostics(const std::string& text) {
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        lines_.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
}

void Diagnostics::add(Diagnostic::Severity severity, const char* code, const Mark& mark, std::string text,
                      std::string help, int length) {
    Diagnostic d;
    d.severity = severity;
    d.code = code;
    d.text = std::move(text);
    d.mark = mark;
    d.length = length;
    d.help = std::move(help);
    const bool in_file = mark.line > 0 && static_cast<std::size_t>(mark.line) <= lines_.size();
    if (in_file && list_.size() < most_with_lines)
        show_line(d, lines_[static_cast<std::size_t>(mark.line) - 1]);
    if (severity == Diagnostic::Severity::error) ++errors_;
    list_.push_back(std::move(d));
}

void Diagnostics::error(const char* code, const Mark& mark, std::string text, std::string help, int length) {
    add(Diagnostic::Severity::error, code, mark, std::move(text), std::move(help), length);
}
void Diagnostics::warning(const char* code, const Mark& mark, std::string text, std::string help,
                          int length) {
    add(Diagnostic::Severity::warning, code, mark, std::move(text), std::move(help), length);
}
void Diagnostics::note(const char* code, const Mark& mark, std::string text, std::string help, int length) {
    add(Diagnostic::Severity::note, code, mark, std::move(text), std::move(help), length);
}

}  // namespace volley::config

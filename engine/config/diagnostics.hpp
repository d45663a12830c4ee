// Errors and warnings about a configuration: each has a code, a position, the line of the file, and advice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "volley/config.hpp"

namespace volley::config {

struct Diagnostic {
    enum class Severity : std::uint8_t { error, warning, note } severity = Severity::error;
    std::string code;  // "V0104": stable; `volley explain V0104` describes it
    std::string text;
    Mark mark;
    std::string line_text;  // of the file, or the part of a long line around the position; empty: no file
    int line_start = 0;     // characters of the line before line_text
    int length = 1;         // characters that the caret underlines
    std::string help;       // advice, one sentence per line; may be empty
};

enum class Format : std::uint8_t { text, json, github };

// How text is printed.
struct Screen {
    // The width in columns: longer lines are wrapped, and lines of the file are cut around the position. 0:
    // not a terminal, and lines are printed whole.
    std::size_t width = 0;
    bool colours = false;
};
// The style for a descriptor. A terminal has its own width, and colours unless NO_COLOR or TERM=dumb is set.
Screen screen_of(int descriptor);

// Prints all diagnostics for people, as JSON, or as GitHub annotations. Text shows at most `most_shown`,
// errors first if there are more, and then their number.
std::string render(const std::vector<Diagnostic>& diagnostics, Format format, const Screen& screen = {},
                   std::size_t most_shown = 20);

bool has_errors(const std::vector<Diagnostic>& diagnostics);

// Returns the word of `known` that is most similar to `word`, or the only one that begins with it. Returns an
// empty text if none is similar enough. Ignores case.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// Returns `text` in quotation marks, shortened if it is long, without control characters.
std::string in_quotes(std::string_view text);

// Returns the byte at which character `n` of a UTF-8 text begins, or the end of the text.
std::size_t byte_of(std::string_view text, std::size_t n);

// Whether a line of a file contains a secret.
bool holds_a_secret(std::string_view line);

// Sets the line of `d` to that at `d.mark`, or to the part of it around that position.
void show_line(Diagnostic& d, std::string_view line);

// Collects the diagnostics of one file.
class Diagnostics {
public:
    explicit Diagnostics(const std::string& text);
    void error(const char* code, const Mark& mark, std::string text, std::string help = {}, int length = 1);
    void warning(const char* code, const Mark& mark, std::string text, std::string help = {}, int length = 1);
    void note(const char* code, const Mark& mark, std::string text, std::string help = {}, int length = 1);
    bool has_errors() const { return errors_ > 0; }
    std::size_t errors() const { return errors_; }
    const std::vector<std::string>& lines() const { return lines_; }
    std::vector<Diagnostic> take() { return std::move(list_); }

private:
    void add(Diagnostic::Severity severity, const char* code, const Mark& mark, std::string text,
             std::string help, int length);
    std::vector<std::string> lines_;
    std::vector<Diagnostic> list_;
    std::size_t errors_ = 0;
};

// Returns what `volley explain CODE` prints, or nothing if the code does not exist.
std::optional<std::string> explain(std::string_view code);

// Returns what it prints without a code: all descriptions.
std::string explain_all();

// Returns all codes, in order.
std::vector<std::string> explained_codes();

}  // namespace volley::config

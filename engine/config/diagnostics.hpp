// Mistakes in a configuration: each with a code, its place, the line itself and what to do.
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
    std::string code;  // "V0104": stable; `volley explain V0104` says more
    std::string text;
    Mark mark;
    std::string line_text;  // of the file, or the part of a long line around the place; empty: no file
    int line_start = 0;     // characters of the line left of line_text
    int length = 1;         // of what the caret underlines, in characters
    std::string help;       // what to do, a sentence a line; may be empty
};

enum class Format : std::uint8_t { text, json, github };

// What text is written on.
struct Screen {
    // Columns: longer lines are wrapped, those of the file cut around the place. 0: no terminal, so that a
    // log keeps whole lines.
    std::size_t width = 0;
    bool colours = false;
};
// That of a descriptor: a terminal's own width, with colours unless NO_COLOR or TERM=dumb forbid them; else
// the default.
Screen screen_of(int descriptor);

// All of them as a person, a program or GitHub's annotations read them. Text shows at most `most_shown`, the
// errors first where there are more, and then the count.
std::string render(const std::vector<Diagnostic>& diagnostics, Format format, const Screen& screen = {},
                   std::size_t most_shown = 20);

bool has_errors(const std::vector<Diagnostic>& diagnostics);

// The nearest of `known` if it is near enough to be meant, or the only one that begins with `word`; else
// empty. Capitals and small letters are equal.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// `text` in quotation marks, for a message: cut where it is long, without control characters.
std::string in_quotes(std::string_view text);

// The byte at which character `n` of a UTF-8 text begins, or its end.
std::size_t byte_of(std::string_view text, std::size_t n);

// Does a line of a file hold what must not be shown?
bool holds_a_secret(std::string_view line);

// Puts the line that `d.mark` stands in, or the part of it around the place, into `d`.
void show_line(Diagnostic& d, std::string_view line);

// Collects mistakes while one file is read.
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

// What `volley explain CODE` prints; nothing for a code that does not exist.
std::optional<std::string> explain(std::string_view code);

// What it prints without a code: all of them.
std::string explain_all();

// All codes, in order.
std::vector<std::string> explained_codes();

}  // namespace volley::config

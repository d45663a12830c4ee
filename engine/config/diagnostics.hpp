// Mistakes in a configuration: each with a code, its place, the line itself and what to do.
#pragma once

#include <cstdint>
#include <functional>
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
    std::string line_text;  // of the file; empty: no file
    int length = 1;         // of what the caret underlines
    std::string help;       // what to do; may be empty
};

enum class Format : std::uint8_t { text, json, github };

// All of them as a person, a program or GitHub's annotations read them. Text shows at most 20 and then the
// count.
std::string render(const std::vector<Diagnostic>& diagnostics, Format format);

bool has_errors(const std::vector<Diagnostic>& diagnostics);

// The nearest of `known` if it is near enough to be meant; else empty.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// Collects mistakes while one file is read.
class Diagnostics {
public:
    explicit Diagnostics(const std::string& text);
    void error(const char* code, const Mark& mark, std::string text, std::string help = {}, int length = 1);
    void warning(const char* code, const Mark& mark, std::string text, std::string help = {}, int length = 1);
    void note(const char* code, const Mark& mark, std::string text, std::string help = {}, int length = 1);
    bool has_errors() const { return config::has_errors(list_); }
    const std::vector<std::string>& lines() const { return lines_; }
    std::vector<Diagnostic> take() { return std::move(list_); }

private:
    void add(Diagnostic::Severity severity, const char* code, const Mark& mark, std::string text,
             std::string help, int length);
    std::vector<std::string> lines_;
    std::vector<Diagnostic> list_;
};

// What `volley explain CODE` prints; nothing for a code that does not exist.
std::optional<std::string> explain(std::string_view code);

}  // namespace volley::config

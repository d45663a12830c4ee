#include "config/diagnostics.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

namespace volley::config {

namespace {

constexpr std::size_t most_shown = 20;

const char* name_of(Diagnostic::Severity severity) {
    switch (severity) {
        case Diagnostic::Severity::error:
            return "error";
        case Diagnostic::Severity::warning:
            return "warning";
        case Diagnostic::Severity::note:
            break;
    }
    return "note";
}

std::string place_of(const Mark& mark) {
    if (mark.line <= 0) return mark.file;
    return mark.file + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
}

std::string render_one(const Diagnostic& d) {
    std::string out = std::string(name_of(d.severity)) + "[" + d.code + "]: " + d.text + "\n";
    if (!d.mark.file.empty()) out += "  --> " + place_of(d.mark) + "\n";
    if (!d.line_text.empty()) {
        const std::string number = std::to_string(d.mark.line);
        const std::string margin(number.size() + 1, ' ');
        const auto column = static_cast<std::size_t>(std::max(d.mark.column - 1, 0));
        out += margin + " |\n " + number + " | " + d.line_text + "\n" + margin + " | ";
        out += std::string(std::min(column, d.line_text.size()), ' ');
        out += std::string(static_cast<std::size_t>(std::max(d.length, 1)), '^') + "\n";
    }
    if (!d.help.empty()) out += "   = " + d.help + "\n";
    return out;
}

std::string render_json(const std::vector<Diagnostic>& diagnostics) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartArray();
    for (const Diagnostic& d : diagnostics) {
        writer.StartObject();
        const std::pair<const char*, std::string> fields[] = {{"severity", name_of(d.severity)},
                                                              {"code", d.code},
                                                              {"file", d.mark.file},
                                                              {"message", d.text},
                                                              {"help", d.help}};
        for (const auto& [name, value] : fields) {
            writer.Key(name);
            writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
        }
        writer.Key("line");
        writer.Int(d.mark.line);
        writer.Key("column");
        writer.Int(d.mark.column);
        writer.EndObject();
    }
    writer.EndArray();
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string render_github(const std::vector<Diagnostic>& diagnostics) {
    std::string out;
    for (const Diagnostic& d : diagnostics) {
        out += "::" + std::string(d.severity == Diagnostic::Severity::note ? "notice" : name_of(d.severity)) +
               " file=" + d.mark.file + ",line=" + std::to_string(d.mark.line) +
               ",col=" + std::to_string(d.mark.column) + ",title=" + d.code + "::" + d.text +
               (d.help.empty() ? "" : ". " + d.help) + "\n";
    }
    return out;
}

std::size_t distance(std::string_view a, std::string_view b) {  // Levenshtein's, one row at a time
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::error; });
}

std::string render(const std::vector<Diagnostic>& diagnostics, Format format) {
    if (format == Format::json) return render_json(diagnostics);
    if (format == Format::github) return render_github(diagnostics);
    if (diagnostics.empty()) return {};
    std::string out;
    std::size_t errors = 0;
    std::size_t warnings = 0;
    for (std::size_t i = 0; i < diagnostics.size(); ++i) {
        errors += diagnostics[i].severity == Diagnostic::Severity::error ? 1U : 0U;
        warnings += diagnostics[i].severity == Diagnostic::Severity::warning ? 1U : 0U;
        if (i < most_shown) out += render_one(diagnostics[i]);
    }
    if (diagnostics.size() > most_shown)
        out += "… and " + std::to_string(diagnostics.size() - most_shown) + " more\n";
    const auto count = [](std::size_t n, const char* word) {
        return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
    };
    return out + count(errors, "error") + ", " + count(warnings, "warning") + ".\n";
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    std::string best;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : known) {
        const std::size_t d = distance(word, candidate);
        if (d < least) {
            least = d;
            best = candidate;
        }
    }
    return best;
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
    Diagnostic d{severity, code, std::move(text), mark, {}, length, std::move(help)};
    if (mark.line > 0 && static_cast<std::size_t>(mark.line) <= lines_.size()) {
        d.line_text = lines_[static_cast<std::size_t>(mark.line) - 1];
        std::replace(d.line_text.begin(), d.line_text.end(), '\t', ' ');
    }
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

std::optional<std::string> explain(std::string_view code) {
    struct Explanation {
        const char* code;
        const char* text;
    };
    static constexpr Explanation all[] = {
        {"V0100", "The file cannot be read. Check its path and its permissions."},
        {"V0101",
         "The file is no YAML. Common causes: a tab used for indentation, a missing space after a colon, a "
         "value\n"
         "with a colon or braces that is not quoted."},
        {"V0102",
         "A key stands twice in one mapping. YAML readers silently take one of the two; Volley takes none."},
        {"V0103",
         "An alias or an anchor. They are refused: they make small files huge and hide where a value is "
         "from."},
        {"V0104", "An unknown key. Volley ignores nothing: a key that it does not know is a mistake."},
        {"V0105",
         "A value of the wrong type. Durations are written 100ms, 30s, 5m or 1h; sizes 512, 64 KiB, 64 MiB."},
        {"V0106", "A value outside its range."},
        {"V0107", "A key and its older name are both given. Keep the newer one."},
        {"V0108", "A key is missing that has no default."},
        {"V0109", "A key that this version does not carry out yet. It is refused rather than ignored."},
        {"V0110", "A name that does not exist: a component names a queue that is not in `queues`."},
        {"V0111", "Braces of a template language. Write ${NAME} for an environment variable."},
        {"V0112", "A variable that is not set. Write ${NAME:-default} to give one, or set it."},
        {"V0113", "Two things of one name."},
        {"V0114", "Settings that contradict each other."},
        {"V0115", "A queue that no component uses."},
        {"V0116", "An older name of a key was read; the note says what it became."},
        {"V0201", "A connector that cannot be found or loaded."},
        {"V0202", "The connector does not accept a value of the queue's `config:`."},
    };
    for (const Explanation& e : all) {
        if (code == e.code) return std::string(e.code) + ": " + e.text + "\n";
    }
    return std::nullopt;
}

}  // namespace volley::config

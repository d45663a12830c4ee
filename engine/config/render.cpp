// Mistakes as a person, a program or GitHub reads them.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <tuple>

#include "config/diagnostics.hpp"

namespace volley::config {

namespace {

using Severity = Diagnostic::Severity;

const char* name_of(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::note:
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
    const std::string number = std::to_string(d.mark.line);
    const std::string margin(number.size() + 1, ' ');
    if (!d.mark.file.empty()) out += margin + "--> " + place_of(d.mark) + "\n";
    if (!d.line_text.empty()) {
        const std::string cut = d.line_start > 0 ? "…" : "";
        const auto column = static_cast<std::size_t>(std::max(d.mark.column - 1 - d.line_start, 0));
        out += margin + " |\n " + number + " | " + cut + d.line_text + "\n" + margin + " | ";
        out += std::string(column + (cut.empty() ? 0 : 1), ' ');
        out += std::string(static_cast<std::size_t>(std::max(d.length, 1)), '^') + "\n";
    }
    for (std::size_t begin = 0; begin < d.help.size();) {
        const std::size_t end = std::min(d.help.find('\n', begin), d.help.size());
        out += margin + " = " + d.help.substr(begin, end - begin) + "\n";
        begin = end + 1;
    }
    return out;
}

std::string count(std::size_t n, const char* word) {
    return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

std::string render_text(const std::vector<Diagnostic>& diagnostics, std::size_t most_shown) {
    if (diagnostics.empty()) return {};
    std::vector<const Diagnostic*> shown;
    std::size_t number[3] = {};
    for (const Diagnostic& d : diagnostics) {
        shown.push_back(&d);
        ++number[static_cast<std::size_t>(d.severity)];
    }
    // What stops the start is not crowded out by notes.
    std::stable_sort(shown.begin(), shown.end(),
                     [](const Diagnostic* a, const Diagnostic* b) { return a->severity < b->severity; });
    if (shown.size() > most_shown) shown.resize(most_shown);
    std::stable_sort(shown.begin(), shown.end(), [](const Diagnostic* a, const Diagnostic* b) {
        return std::tie(a->mark.line, a->mark.column) < std::tie(b->mark.line, b->mark.column);
    });
    std::string out;
    for (const Diagnostic* d : shown) out += render_one(*d);
    if (diagnostics.size() > shown.size())
        out += "… and " + std::to_string(diagnostics.size() - shown.size()) + " more\n";
    out += count(number[0], "error") + ", " + count(number[1], "warning") + ".";
    if (number[0] > 0) {
        const auto first = std::find_if(shown.begin(), shown.end(),
                                        [](const Diagnostic* d) { return d->severity == Severity::error; });
        out += " `volley explain " + (*first)->code + "` says more.";
    }
    return out + "\n";
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

// As GitHub's workflow commands want it: a line each, with their own escapes.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '%' || c == '\n' || c == '\r')
            out += c == '%' ? "%25" : c == '\n' ? "%0A" : "%0D";
        else
            out += c;
    }
    return out;
}

std::string render_github(const std::vector<Diagnostic>& diagnostics) {
    std::string out;
    for (const Diagnostic& d : diagnostics) {
        out += "::" + std::string(d.severity == Severity::note ? "notice" : name_of(d.severity)) +
               " file=" + escaped(d.mark.file) + ",line=" + std::to_string(d.mark.line) +
               ",col=" + std::to_string(d.mark.column) + ",title=" + d.code + "::" + escaped(d.text) +
               (d.help.empty() ? "" : escaped("\n" + d.help)) + "\n";
    }
    return out;
}

}  // namespace

std::string render(const std::vector<Diagnostic>& diagnostics, Format format, std::size_t most_shown) {
    if (format == Format::json) return render_json(diagnostics);
    if (format == Format::github) return render_github(diagnostics);
    return render_text(diagnostics, most_shown);
}

}  // namespace volley::config

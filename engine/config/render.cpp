// Prints diagnostics for people, as JSON, or for GitHub.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "config/diagnostics.hpp"
#include "text/text.hpp"

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

// The narrowest width that lines are wrapped to.
constexpr std::size_t narrowest = 40;

// Appends `text`, wrapped between words. `lead` begins its lines, and `next_lead` the continuation lines.
void append_wrapped(std::string& out, std::string_view text, std::string lead, const std::string& next_lead,
                    std::size_t width) {
    if (width == 0) width = lead.size() + text.size() + 1;
    for (;;) {
        const std::size_t room = width - std::min(width - 1, text::display_width(lead));
        std::size_t end = text::fitting(text, room);
        if (end < text.size() && text[end] != ' ') {
            const std::size_t space = text.rfind(' ', end);
            // A word that is longer than a line is not broken, so that it can be copied.
            end = space != std::string_view::npos && space > 0 ? space
                                                               : std::min(text.find(' ', end), text.size());
        }
        out += lead + std::string(text.substr(0, end)) + "\n";
        text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
        if (text.empty()) return;
        lead = next_lead;
    }
}

// Prints the line of the file, or the part around the position that fits, with carets below it.
std::string pictured(const Diagnostic& d, const std::string& margin, const Screen& screen, const char* colour,
                     const char* plain) {
    const std::string number = std::to_string(d.mark.line);
    std::string_view line = d.line_text;
    bool cut = d.line_start > 0;
    auto before = static_cast<std::size_t>(std::max(d.mark.column - 1 - d.line_start, 0));
    std::size_t at = byte_of(line, before);
    const std::size_t room =
        screen.width == 0 ? line.size() : screen.width - std::min(screen.width / 2, margin.size() + 5);
    if (text::display_width(line) > room && text::display_width(line.substr(0, at)) > room * 2 / 3) {
        const std::size_t start = byte_of(line, before - std::min(before, room / 3));
        line.remove_prefix(start);
        at -= start;
        cut = true;
    }
    const std::size_t end = text::fitting(line, room);
    const std::string shown =
        (cut ? "…" : "") + std::string(line.substr(0, end)) + (end < line.size() ? "…" : "");
    const std::size_t left = text::display_width(line.substr(0, at)) + (cut ? 1 : 0);
    const std::string_view below = line.substr(at, std::min(end, line.size()) - std::min(at, end));
    const auto length = static_cast<std::size_t>(std::max(d.length, 1));
    const std::size_t carets = text::display_width(below.substr(0, byte_of(below, length)));
    return margin + " |\n " + number + " | " + shown + "\n" + margin + " | " + std::string(left, ' ') +
           colour + std::string(std::max<std::size_t>(carets, 1), '^') + plain + "\n";
}

std::string render_one(const Diagnostic& d, const Screen& screen) {
    const char* const colours[] = {"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m"};
    const char* const colour = screen.colours ? colours[static_cast<std::size_t>(d.severity)] : "";
    const char* const plain = screen.colours ? "\x1b[0m" : "";
    std::string out = colour;
    append_wrapped(out, d.text, std::string(name_of(d.severity)) + "[" + d.code + "]: ", "    ",
                   screen.width);
    out.insert(out.find(']') + 1, plain);
    const std::string margin(std::to_string(d.mark.line).size() + 1, ' ');
    if (!d.mark.file.empty()) out += margin + "--> " + place_of(d.mark) + "\n";
    if (!d.line_text.empty()) out += pictured(d, margin, screen, colour, plain);
    for (std::size_t begin = 0; begin < d.help.size();) {
        const std::size_t end = std::min(d.help.find('\n', begin), d.help.size());
        append_wrapped(out, std::string_view(d.help).substr(begin, end - begin), margin + " = ",
                       margin + "   ", screen.width);
        begin = end + 1;
    }
    return out;
}

std::string count(std::size_t n, const char* word) {
    return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

std::string render_text(const std::vector<Diagnostic>& diagnostics, const Screen& screen,
                        std::size_t most_shown) {
    if (diagnostics.empty()) return {};
    std::vector<const Diagnostic*> shown;
    std::size_t number[3] = {};
    for (const Diagnostic& d : diagnostics) {
        shown.push_back(&d);
        ++number[static_cast<std::size_t>(d.severity)];
    }
    // Errors come before notes, so that notes do not crowd them out.
    std::stable_sort(shown.begin(), shown.end(),
                     [](const Diagnostic* a, const Diagnostic* b) { return a->severity < b->severity; });
    if (shown.size() > most_shown) shown.resize(most_shown);
    std::stable_sort(shown.begin(), shown.end(), [](const Diagnostic* a, const Diagnostic* b) {
        return std::tie(a->mark.line, a->mark.column) < std::tie(b->mark.line, b->mark.column);
    });
    std::string out;
    for (const Diagnostic* d : shown) out += render_one(*d, screen);
    if (diagnostics.size() > shown.size())
        out += "… and " + std::to_string(diagnostics.size() - shown.size()) + " more\n";
    std::string last = count(number[0], "error") + ", " + count(number[1], "warning") + ".";
    if (number[0] > 0) {
        const auto first = std::find_if(shown.begin(), shown.end(),
                                        [](const Diagnostic* d) { return d->severity == Severity::error; });
        last += " `volley explain " + (*first)->code + "` says more.";
    }
    append_wrapped(out, last, "", "", screen.width);
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

// Formats GitHub workflow commands: one line each. Properties have more escapes than texts.
std::string escaped(const std::string& text, bool is_property) {
    std::string out;
    for (const char c : text) {
        if (c == '%' || c == '\n' || c == '\r')
            out += c == '%' ? "%25" : c == '\n' ? "%0A" : "%0D";
        else if (is_property && (c == ':' || c == ','))
            out += c == ':' ? "%3A" : "%2C";
        else
            out += c;
    }
    return out;
}

std::string render_github(const std::vector<Diagnostic>& diagnostics) {
    std::string out;
    for (const Diagnostic& d : diagnostics) {
        out += "::" + std::string(d.severity == Severity::note ? "notice" : name_of(d.severity)) +
               " file=" + escaped(d.mark.file, true) + ",line=" + std::to_string(d.mark.line) +
               ",col=" + std::to_string(d.mark.column) + ",title=" + d.code + "::" + escaped(d.text, false) +
               (d.help.empty() ? "" : escaped("\n" + d.help, false)) + "\n";
    }
    return out;
}

}  // namespace

Screen screen_of(int descriptor) {
    Screen screen;
    if (isatty(descriptor) == 0) return screen;
    winsize size{};
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        screen.width = std::max<std::size_t>(size.ws_col, narrowest);
    const char* const forbidden = std::getenv("NO_COLOR");
    const char* const terminal = std::getenv("TERM");
    screen.colours = (forbidden == nullptr || *forbidden == '\0') && terminal != nullptr &&
                     std::string_view(terminal) != "dumb";
    return screen;
}

std::string render(const std::vector<Diagnostic>& diagnostics, Format format, const Screen& screen,
                   std::size_t most_shown) {
    if (format == Format::json) return render_json(diagnostics);
    if (format == Format::github) return render_github(diagnostics);
    return render_text(diagnostics, screen, most_shown);
}

}  // namespace volley::config

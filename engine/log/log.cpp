#include "log/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "log/operating.hpp"
#include "log/output.hpp"
#include "log/writer.hpp"
#include "text/escape.hpp"

namespace volley::log {

namespace {

// Limits texts and fields, so that messages cannot fill the disk.
constexpr std::size_t longest_value = 1024;
constexpr std::size_t level_column = 7;  // the length of "warning"
constexpr std::size_t most_recent = 50;
constexpr std::size_t most_audited = 200;

constexpr const char* level_names[] = {"trace", "debug", "info", "warning", "error", "off"};

std::atomic<Level> least{Level::info};
std::atomic<Format> form{Format::text};

// Returns date and time in UTC, in milliseconds.
std::string timestamp() {
    using namespace std::chrono;
    const auto since = system_clock::now().time_since_epoch();
    const std::time_t seconds = duration_cast<std::chrono::seconds>(since).count();
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    const auto milli = static_cast<int>(duration_cast<milliseconds>(since).count() % 1000);
    std::snprintf(text + length, sizeof text - length, ".%03dZ", milli);
    return text;
}

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" \"=\\") != std::string_view::npos;
}

void append_event(std::string& line, std::string_view text, const Field* fields, std::size_t count) {
    text::append_escaped(line, text, longest_value, text::Quotes::plain);
    for (std::size_t i = 0; i < count; ++i) {
        line.append(i == 0 ? "  " : " ").append(fields[i].name) += '=';
        const bool quoted = needs_quotes(fields[i].value);
        if (quoted) line += '"';
        text::append_escaped(line, fields[i].value, longest_value,
                             quoted ? text::Quotes::escaped : text::Quotes::plain);
        if (quoted) line += '"';
    }
}

std::string text_line(Level level, std::string_view text, const Field* fields, std::size_t count) {
    std::string line = timestamp() + ' ' + name_of(level);
    line.append(level_column - std::min(level_column, std::strlen(name_of(level))) + 1, ' ');
    append_event(line, text, fields, count);
    return line;
}

struct Memory {
    std::mutex mutex;
    std::deque<Recent> lines;
    std::deque<Recent> audited;
};

// Never destroyed, as the writer.
Memory& memory() {
    static Memory& made = *new Memory;
    return made;
}

void remember(std::deque<Recent>& lines, std::size_t most, Level level, std::string_view text,
              const Field* fields, std::size_t count) {
    using namespace std::chrono;
    const auto ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
    Recent line{static_cast<double>(ms.count()) / 1000, level, {}};
    append_event(line.text, text, fields, count);
    const std::lock_guard lock(memory().mutex);
    lines.push_back(std::move(line));
    if (lines.size() > most) lines.pop_front();
}

std::string json_line(Level level, std::string_view text, const Field* fields, std::size_t count) {
    std::string line = R"({"time":")" + timestamp() + R"(","level":")" + name_of(level) + R"(","message":")";
    text::append_escaped(line, text, longest_value, text::Quotes::escaped);
    line += '"';
    for (std::size_t i = 0; i < count; ++i) {
        line.append(",\"").append(fields[i].name).append("\":\"");
        text::append_escaped(line, fields[i].value, longest_value, text::Quotes::escaped);
        line += '"';
    }
    return line + '}';
}

std::string line_of(Level level, std::string_view text, const Field* fields, std::size_t count) {
    const bool json = form.load(std::memory_order_relaxed) == Format::json;
    return (json ? json_line(level, text, fields, count) : text_line(level, text, fields, count)) + '\n';
}

std::string notice(std::uint64_t count) {
    const std::string dropped = std::to_string(count);
    const Field field{"count", dropped};
    return line_of(Level::warning, "log lines were dropped, because standard error did not accept them",
                   &field, 1);
}

// Never destroyed, because threads of plugins may log while the process ends. Queued lines are written.
Writer& writer() {
    static Writer& made = []() -> Writer& {
        std::atexit([] { flush(exit_patience); });
        return *new Writer(STDERR_FILENO, {.notice = notice});
    }();
    return made;
}

}  // namespace

void configure(Level least_level, Format format) {
    least.store(least_level);
    form.store(format);
}

void set_level(Level least_level) { least.store(least_level); }

const char* name_of(Level level) { return level_names[static_cast<std::size_t>(level)]; }

std::optional<Level> level_named(std::string_view name) {
    const auto* const found = std::find(std::begin(level_names), std::end(level_names), name);
    if (found == std::end(level_names)) return std::nullopt;
    return static_cast<Level>(found - std::begin(level_names));
}

Level level() { return least.load(std::memory_order_relaxed); }

void write(Level at, std::string_view text, std::initializer_list<Field> fields) {
    write(at, text, fields.begin(), fields.size());
}

void write(Level at, std::string_view text, const Field* fields, std::size_t count) {
    if (at < level() || at == Level::off) return;
    if (at >= Level::warning) remember(memory().lines, most_recent, at, text, fields, count);
    writer().put(line_of(at, text, fields, count), at == Level::error);
}

void audit(std::string_view text, std::initializer_list<Field> fields) {
    remember(memory().audited, most_audited, Level::info, text, fields.begin(), fields.size());
    if (level() == Level::off) return;
    writer().put(line_of(Level::info, text, fields.begin(), fields.size()), true);
}

std::vector<Recent> recent() {
    const std::lock_guard lock(memory().mutex);
    return {memory().lines.begin(), memory().lines.end()};
}

std::vector<Recent> audited() {
    const std::lock_guard lock(memory().mutex);
    return {memory().audited.begin(), memory().audited.end()};
}

void print(std::string text) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    writer().put(std::move(text), true);
}

void show_status(std::string text) { writer().set_last_line(std::move(text)); }

bool flush(std::chrono::milliseconds patience) { return writer().flush(patience); }

std::uint64_t dropped() { return writer().dropped(); }

}  // namespace volley::log

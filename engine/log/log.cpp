#include "log/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>

#include "text/escape.hpp"

namespace volley::log {

namespace {

constexpr std::size_t longest_value =
    1024;  // bytes of a text or a field: a hostile message must not fill the disk

std::atomic<Level> least{Level::info};
std::atomic<Format> form{Format::text};

spdlog::logger& sink() {
    static const std::shared_ptr<spdlog::logger> logger = [] {
        auto made =
            std::make_shared<spdlog::logger>("volley", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        made->set_level(spdlog::level::trace);
        made->set_error_handler(
            [](const std::string&) {});  // a log that cannot be written must not stop the engine
        return made;
    }();
    return *logger;
}

std::string timestamp() {
    using namespace std::chrono;
    const auto since = system_clock::now().time_since_epoch();
    const std::time_t seconds = duration_cast<std::chrono::seconds>(since).count();
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    return fmt::format("{}.{:03}Z", text, duration_cast<milliseconds>(since).count() % 1000);
}

const char* name_of(Level level) {
    constexpr const char* names[] = {"trace", "debug", "info", "warning", "error", "off"};
    return names[static_cast<std::size_t>(level)];
}

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" \"=\\") != std::string_view::npos;
}

std::string text_line(Level level, std::string_view text, const Field* fields, std::size_t count) {
    std::string line = fmt::format("{} {:<7} ", timestamp(), name_of(level));
    text::append_escaped(line, text, longest_value, text::Quotes::plain);
    for (std::size_t i = 0; i < count; ++i) {
        line += fmt::format("{}{}=", i == 0 ? "  " : " ", fields[i].name);
        const bool quoted = needs_quotes(fields[i].value);
        if (quoted) line += '"';
        text::append_escaped(line, fields[i].value, longest_value,
                             quoted ? text::Quotes::escaped : text::Quotes::plain);
        if (quoted) line += '"';
    }
    return line;
}

std::string json_line(Level level, std::string_view text, const Field* fields, std::size_t count) {
    std::string line = fmt::format(R"({{"time":"{}","level":"{}","message":")", timestamp(), name_of(level));
    text::append_escaped(line, text, longest_value, text::Quotes::escaped);
    line += '"';
    for (std::size_t i = 0; i < count; ++i) {
        line += fmt::format(R"(,"{}":")", fields[i].name);
        text::append_escaped(line, fields[i].value, longest_value, text::Quotes::escaped);
        line += '"';
    }
    return line + '}';
}

}  // namespace

void configure(Level least_level, Format format) {
    least.store(least_level);
    form.store(format);
}

Level level() { return least.load(std::memory_order_relaxed); }

void write(Level at, std::string_view text, std::initializer_list<Field> fields) {
    write(at, text, fields.begin(), fields.size());
}

void write(Level at, std::string_view text, const Field* fields, std::size_t count) {
    if (at < level() || at == Level::off) return;
    const bool json = form.load(std::memory_order_relaxed) == Format::json;
    sink().log(spdlog::level::info, "{}",
               json ? json_line(at, text, fields, count) : text_line(at, text, fields, count));
    sink().flush();
}

}  // namespace volley::log

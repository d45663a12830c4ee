// One line an event, on standard error: text for people, JSON when asked. Field values and texts may be
// hostile: control characters are escaped, and each is cut at 1 KiB. Thread: any; a line is written whole.
// Never throws, never blocks on a reader that went away.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace volley::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error, off };  // the numbers of plugin.h
enum class Format : std::uint8_t { text, json };

struct Field {
    std::string_view name;   // a constant of ours: [a-z_]+
    std::string_view value;  // anything
};

// Sets what is written and how, for the whole process. Before any thread starts, and again at a reload.
void configure(Level least, Format format);

Level level();

void write(Level level, std::string_view text, std::initializer_list<Field> fields = {});
void write(Level level, std::string_view text, const Field* fields, std::size_t count);

inline void debug(std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::debug, text, fields);
}
inline void info(std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::info, text, fields);
}
inline void warning(std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::warning, text, fields);
}
inline void error(std::string_view text, std::initializer_list<Field> fields = {}) {
    write(Level::error, text, fields);
}

}  // namespace volley::log

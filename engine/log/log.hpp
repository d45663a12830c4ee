// Writes one line per event to standard error: text, or JSON if configured. Field values and texts may be
// untrusted: control characters are escaped, and each is cut at 1 KiB. Thread: any; lines are not mixed.
// Never throws, and never blocks if the reader has stopped reading.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace volley::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error, off };  // the numbers of plugin.h
enum class Format : std::uint8_t { text, json };

struct Field {
    std::string_view name;   // a constant: [a-z_]+
    std::string_view value;  // any bytes
};

// Sets level and format for the whole process. Call it before any thread starts, and at a reload.
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

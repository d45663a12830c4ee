// What operators do with the log of a running process: change its level, and read the last lines. Thread:
// any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.hpp"

namespace volley::log {

// Changes the level alone.
void set_level(Level least);

const char* name_of(Level level);
// Returns nothing for a name that is no level.
std::optional<Level> level_named(std::string_view name);

// Writes a line at any level but off: what an operator did.
void audit(std::string_view text, std::initializer_list<Field> fields);

// The last warnings and errors of this process, the oldest first. Bounded.
struct Recent {
    double seconds = 0;  // Unix time
    Level level = Level::warning;
    std::string text;  // the message and its fields, escaped
};
std::vector<Recent> recent();
// The last lines of audit(), whatever the level. Bounded.
std::vector<Recent> audited();

}  // namespace volley::log

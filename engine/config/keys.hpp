// The table of all keys of a configuration. A key that is not in it does not exist: binding, suggestions, the
// JSON Schema and docs/configuration.md come from here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace volley::config {

struct Key {
    const char* section;  // "" the file itself, "queue", "component", "retry", "handler", "operations", "log"
    const char* name;
    const char* type;      // as the documentation says it
    const char* fallback;  // the default, in words
    const char* meaning;
    bool available = true;  // false: refused as not carried out in this version
};

const std::vector<Key>& keys();

// The names of a section's keys.
std::vector<std::string> key_names(std::string_view section);

// The table as the pages of docs/configuration.md between its markers.
std::string keys_as_markdown();

}  // namespace volley::config

// The table of all keys of a configuration. Binding, suggestions, the JSON Schema and docs/configuration.md
// are derived from it. A key that is not in the table is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace volley::config {

struct Key {
    const char* section;  // "" top level, "queue", "component", "retry", "handler", "operations", "log"
    const char* name;
    const char* type;      // as in the documentation
    const char* fallback;  // the default, as text
    const char* meaning;
    bool available = true;  // false: refused, because this version does not support it
};

const std::vector<Key>& keys();

// The names of the keys of a section.
std::vector<std::string> key_names(std::string_view section);

// The table in Markdown, as it is between the markers in docs/configuration.md.
std::string keys_as_markdown();

}  // namespace volley::config

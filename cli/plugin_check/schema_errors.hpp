// Judges a class's JSON Schema itself. Pure; any thread.
#pragma once

#include <optional>
#include <string>

namespace volley::cli::plugin_check {

// Returns what is wrong with the schema.
std::optional<std::string> schema_error(const std::string& schema);

// Returns which property has a default that the property's own schema refuses.
std::optional<std::string> default_error(const std::string& schema);

}  // namespace volley::cli::plugin_check

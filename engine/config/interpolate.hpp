// Replaces ${NAME}, ${NAME:-default}, ${NAME:?message} and ${file:PATH} in scalars. This happens after
// parsing, so that a value cannot change the structure of the file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/tree.hpp"

namespace volley::config {

// Returns the value of a variable, or nothing if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Reads the environment of this process.
Environment environment();

// Replaces variables in all scalars of the tree. Files are searched in $CREDENTIALS_DIRECTORY, then relative
// to `base_dir`.
void interpolate(Node& node, const std::string& base_dir, const Environment& environment,
                 Diagnostics& diagnostics);

// Whether the name of a key or variable says that its value is a secret.
bool names_a_secret(std::string_view name);

}  // namespace volley::config

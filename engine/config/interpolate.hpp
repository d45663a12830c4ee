// ${NAME}, ${NAME:-default}, ${NAME:?message} and ${file:PATH} inside scalars. It happens after the parse, so
// that a value cannot change the structure of the file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/tree.hpp"

namespace volley::config {

// Looks a variable up; nothing: not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The process's own.
Environment environment();

// Fills in every scalar value of the tree. Files are looked for in $CREDENTIALS_DIRECTORY, then relative to
// `base_dir`.
void interpolate(Node& node, const std::string& base_dir, const Environment& environment,
                 Diagnostics& diagnostics);

// Is it the name of a key or a variable whose value must not be printed?
bool names_a_secret(std::string_view name);

}  // namespace volley::config

// Checks everything about a configuration that needs no connection: the file, the plugins that it names, and
// each `config:` against its plugin. `volleyd --check`, `volley check` and the start of the engine use it.
#pragma once

#include <string>
#include <vector>

#include "config/load.hpp"
#include "plugins/catalog.hpp"

namespace volley::check {

struct Checked {
    std::optional<Config> config;  // nothing if there are errors
    std::vector<config::Diagnostic> diagnostics;
};

Checked check_file(const std::string& path, const std::vector<std::string>& plugin_dirs,
                   const config::Environment& environment);

// Checks only the plugins and their `config:`. Skips `unsound` parts.
std::vector<config::Diagnostic> check_plugins(const Config& config, plugins::Catalog& catalog,
                                              const config::Unsound& unsound = {});

// Returns what --list-plugins prints.
std::string render_plugins(plugins::Catalog& catalog);

}  // namespace volley::check

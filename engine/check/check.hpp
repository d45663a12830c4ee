// Everything that can be said about a configuration without connecting to anything: the file itself, the
// plugins that it names, and each `config:` against the plugin that gets it. `volleyd --check`, `volley
// check` and the engine's own start all ask here.
#pragma once

#include <string>
#include <vector>

#include "config/load.hpp"
#include "plugins/catalog.hpp"

namespace volley::check {

struct Checked {
    std::optional<Config> config;  // none if there is any error
    std::vector<config::Diagnostic> diagnostics;
};

Checked check_file(const std::string& path, const std::vector<std::string>& plugin_dirs,
                   const config::Environment& environment);

// The plugins and their `config:` alone, of all parts but the unsound.
std::vector<config::Diagnostic> check_plugins(const Config& config, plugins::Catalog& catalog,
                                              const config::Unsound& unsound = {});

// What --list-plugins prints.
std::string render_plugins(plugins::Catalog& catalog);

}  // namespace volley::check

// From a file to a Config, or to everything that is wrong with it, all at once. Connects to nothing.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/interpolate.hpp"
#include "volley/config.hpp"

namespace volley::config {

// Paths (as in Config::origins) of queues and components that have a mistake of their own.
using Unsound = std::set<std::string>;

struct Loaded {
    std::optional<Config> config;  // none if there is any error
    std::vector<Diagnostic> diagnostics;
    std::optional<Config> readable;  // what could be read of one with errors, for further checks
    Unsound unsound;
};

Loaded load_file(const std::string& path, const Environment& environment);
Loaded load_text(const std::string& text, const std::string& file, const std::string& base_dir,
                 const Environment& environment);

// The words of log.level.
const std::vector<std::string>& log_levels();

// Does `app` come from the file's name, or from nothing at all? Then nobody chose the names that are made of
// it.
bool has_default_app(const Config& config);

// The rules between keys: references, names, contradictions. For a Config built in code, whose defaults
// (names, values) are filled in here, as for one from a file.
// Of `unsound` parts nothing is said.
std::vector<Diagnostic> check_rules(Config& config, const Unsound& unsound = {});

// A mistake found later at a value of the configuration, by its path in Config::origins:
// "/queues/0/config/topic".
Diagnostic diagnostic_at(const Config& config, const std::string& path, const char* code, std::string text,
                         std::string help = {});

// The values, each with where it came from. Secrets are ***.
std::string print(const Config& config);

// Words of a list at `path` (in Config::origins) with *** for those that hold a secret: for logs.
std::vector<std::string> shown_words(const Config& config, std::vector<std::string> words,
                                     const std::string& path);

// What a connector says of its `config:`.
struct ConnectorSchema {
    std::string type;  // as queues name it: "kafka"
    std::vector<std::string>
        schemas;  // JSON Schemas of its consumer's and its producer's; a queue's fits one
};

// The JSON Schema (draft-07) of a configuration, for editors: names, meanings and choices. What is right in
// the end volleyd --check says.
std::string json_schema(const std::vector<ConnectorSchema>& connectors);

}  // namespace volley::config

// Reads a file into a Config, or finds everything that is wrong with it, all at once. Connects to nothing.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/interpolate.hpp"
#include "volley/config.hpp"

namespace volley::config {

// Paths (as in Config::origins) of queues and components that have an error.
using Unsound = std::set<std::string>;

struct Loaded {
    std::optional<Config> config;  // nothing if there are errors
    std::vector<Diagnostic> diagnostics;
    std::optional<Config> readable;  // what could be read in spite of errors, for further checks
    Unsound unsound;
};

Loaded load_file(const std::string& path, const Environment& environment);
Loaded load_text(const std::string& text, const std::string& file, const std::string& base_dir,
                 const Environment& environment);

// The possible values of log.level.
const std::vector<std::string>& log_levels();

// Whether `app` was derived from the name of the file, or is empty. In this case the user did not choose the
// names that contain it.
bool has_default_app(const Config& config);

// Checks the rules between keys: references, names, contradictions. Also for a Config that was built in code:
// fills in the default names and values, as for a file. Skips `unsound` parts.
std::vector<Diagnostic> check_rules(Config& config, const Unsound& unsound = {});

// Reports an error that was found later, at a value given by its path in Config::origins, such as
// "/queues/0/config/topic".
Diagnostic diagnostic_at(const Config& config, const std::string& path, const char* code, std::string text,
                         std::string help = {});

// The effective values, each with its origin. Secrets are printed as ***.
std::string print(const Config& config);

// The words of a list at `path` (in Config::origins), with *** for those that contain a secret. For logs.
std::vector<std::string> shown_words(const Config& config, std::vector<std::string> words,
                                     const std::string& path);

// What a connector says about its `config:`.
struct ConnectorSchema {
    std::string type;  // as in queues: "kafka"
    std::vector<std::string>
        schemas;  // JSON Schemas of its consumer and its producer; a queue must match one
};

// The JSON Schema (draft-07) of configurations, for editors: keys, their descriptions and choices. It accepts
// some configurations that volleyd --check refuses.
std::string json_schema(const std::vector<ConnectorSchema>& connectors);

}  // namespace volley::config

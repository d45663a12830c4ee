// The effective configuration: with all values that follow from other settings, the connectors and the
// environment. --print-config shows it.
#pragma once

#include "config/interpolate.hpp"
#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::check {

// Replaces automatic values by what they mean here. Adds to the `config:` of each queue what its connector
// would take from the environment or by default. Its JSON Schema says so with "default", "x-environment"
// (names of variables; the first that is set counts) and "x-unless" (keys that make both void). Origins name
// the variable. Only for display: the engine derives the same values itself.
Config effective(Config config, plugins::Catalog& catalog, const config::Environment& environment);

}  // namespace volley::check

// A configuration with everything filled in that follows from other settings, the connectors and the
// environment: what --print-config shows.
#pragma once

#include "config/interpolate.hpp"
#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::check {

// Replaces what is automatic by what it comes to, and adds to each queue's `config:` what its connector would
// take from the environment or by default, as its JSON Schema says: "default", "x-environment" (names of
// variables, the first that is set counts) and "x-unless" (keys beside which neither applies). Origins say
// which variable. For showing only: an engine makes of the original the same.
Config effective(Config config, plugins::Catalog& catalog, const config::Environment& environment);

}  // namespace volley::check

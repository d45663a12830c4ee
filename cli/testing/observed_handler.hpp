// Stands between the engine and the component's handler, and writes down each attempt and how it ended. Time
// stands still while the handler has a message. A handler dies with a message in hand where the test says so.
#pragma once

#include "volley/plugin.h"

namespace volley::cli::testing {

// For plugins::wrap_handlers (engine/plugins/handler_wrapper.hpp). Requires: scenario is set while there are
// instances.
const volley_handler_class* observe_handler(const volley_handler_class* own);

}  // namespace volley::cli::testing

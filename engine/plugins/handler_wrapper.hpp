// A seam for `volley test`, which looks at what goes into a handler and what comes out.
#pragma once

#include "volley/plugin.h"

namespace volley::plugins {

// Returns the table to be used in place of a handler's own. Instances are then created with it. It has the
// same functions as its own: poll and interrupt are null if they were.
using HandlerWrapper = const volley_handler_class* (*)(const volley_handler_class* own);

// Wraps the handlers that are created from now on; null: no more. Call it while no engine runs.
void wrap_handlers(HandlerWrapper wrapper);

}  // namespace volley::plugins

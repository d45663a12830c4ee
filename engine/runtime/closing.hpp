// What comes after the intake's loop. Thread: intake.
#pragma once

#include "runtime/intake_context.hpp"
#include "runtime/settling.hpp"

namespace volley::runtime {

// Ends the workers and closes everything that was opened. Releases every message that is not confirmed by
// now. Producers close first, because they then report everything; after that, deliveries can be settled; the
// consumer closes last. Each step has its own time limit.
void close_all(IntakeContext& context, Settling& settling);

}  // namespace volley::runtime

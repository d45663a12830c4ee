// What comes before the intake's loop. Thread: intake.
#pragma once

#include "runtime/intake_context.hpp"
#include "runtime/partition_listener.hpp"
#include "runtime/settling.hpp"
#include "runtime/status_publisher.hpp"

namespace volley::runtime {

// Opens everything, outputs first and the input last, so that no message arrives before its outputs can be
// sent, and starts the workers. If a store is down, waits for it until startup_timeout. Returns false if a
// stop was requested meanwhile, or if something cannot be opened; an error then ends the component.
bool open_all(IntakeContext& context, Settling& settling, PartitionListener& listener,
              StatusPublisher& publisher);

}  // namespace volley::runtime

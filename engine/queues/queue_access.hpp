// Finds a queue's connector, for whatever opens a queue outside of a component.
#pragma once

#include "plugins/catalog.hpp"
#include "plugins/instance.hpp"
#include "volley/config.hpp"

namespace volley::queues {

// Finds the class that reads or writes the queue, and checks the queue's config: against its schema, as
// --check does.
Result<plugins::PluginClass> connector_of(const Config& config, plugins::Catalog& catalog, plugins::Kind kind,
                                          const QueueConfig& queue);

plugins::Services services_for(const Config& config, const QueueConfig& queue);

}  // namespace volley::queues

// What a queue's bodies must be, for the commands that make some.
#pragma once

#include "codec/codec.hpp"
#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::queues {

// Checks and encodes bodies as a component that writes to this queue would. Errors: the connector is not
// found, or the schema is wrong.
Result<codec::Encoder> encoder_for(const Config& config, plugins::Catalog& catalog, const QueueConfig& queue);

// What the queue's bodies are. Errors: the connector is not found.
Result<codec::Encoding> encoding_of(const Config& config, plugins::Catalog& catalog,
                                    const QueueConfig& queue);

}  // namespace volley::queues

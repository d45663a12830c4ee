#include "queues/bodies.hpp"

namespace volley::queues {

Result<codec::Encoding> encoding_of(const Config& config, plugins::Catalog& catalog,
                                    const QueueConfig& queue) {
    auto found = catalog.find_for_queue(plugins::Kind::producer, queue, config.base_dir);
    if (!found) return found.error();
    const bool json =
        queue.serializer == Serializer::json || queue.schema.kind != SchemaConfig::Kind::none ||
        (queue.serializer == Serializer::automatic && (found->flags() & VOLLEY_JSON_BODIES) != 0);
    return queue.serializer == Serializer::msgpack ? codec::Encoding::msgpack
           : json                                  ? codec::Encoding::json
                                                   : codec::Encoding::none;
}

Result<codec::Encoder> encoder_for(const Config& config, plugins::Catalog& catalog,
                                   const QueueConfig& queue) {
    const auto encoding = encoding_of(config, catalog, queue);
    if (!encoding) return encoding.error();
    return codec::Encoder::make(*encoding, queue.schema, {config.max_message_bytes});
}

}  // namespace volley::queues

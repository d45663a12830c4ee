// The description of the plugin: name, version, classes, capabilities.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::streams::StreamConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::streams::StreamProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_LEASE, VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY,
                                               nullptr};
constexpr std::uint64_t fields = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS;

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      fields | VOLLEY_CAN_DELAY,
                                      "StreamConsumer",
                                      "reads a Redis stream as a member of a consumer group",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{sizeof(volley_class),
                                      VOLLEY_KIND_PRODUCER,
                                      fields | VOLLEY_ORDERED | VOLLEY_CAN_TOMBSTONE,
                                      "StreamProducer",
                                      "adds to a Redis stream",
                                      config_schema,
                                      nullptr,
                                      &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "redis-streams",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "Redis streams with consumer groups",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

// The description of the plugin: name, version, classes, capabilities.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::amqp::AmqpConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::amqp::AmqpProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY, nullptr};

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_CAN_DELAY,
                                      "AmqpConsumer",
                                      "consumes from a queue of RabbitMQ (AMQP 0-9-1)",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{sizeof(volley_class),
                                      VOLLEY_KIND_PRODUCER,
                                      VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_ORDERED,
                                      "AmqpProducer",
                                      "publishes to a queue or an exchange of RabbitMQ (AMQP 0-9-1)",
                                      config_schema,
                                      nullptr,
                                      &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "amqp",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "Queues and exchanges of RabbitMQ, by AMQP 0-9-1",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

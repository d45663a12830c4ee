// The description of the plugin: name, version, classes, capabilities.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::rsmq::RsmqConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::rsmq::RsmqProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_LEASE, VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY,
                                               nullptr};
constexpr const char* producer_extensions[] = {VOLLEY_EXT_ATOMIC, VOLLEY_EXT_ABILITIES, nullptr};

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      VOLLEY_JSON_BODIES | VOLLEY_CAN_DELAY,
                                      "RsmqConsumer",
                                      "takes from an RSMQ queue in Redis",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{
    sizeof(volley_class),
    VOLLEY_KIND_PRODUCER,
    VOLLEY_JSON_BODIES | VOLLEY_CAN_DELAY | VOLLEY_ORDERED | VOLLEY_JOINT_COMMIT,
    "RsmqProducer",
    "puts into an RSMQ queue in Redis",
    config_schema,
    producer_extensions,
    &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "rsmq",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "RSMQ queues in Redis, shared with PyRSMQ and node's rsmq",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

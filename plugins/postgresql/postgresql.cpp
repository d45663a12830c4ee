// The description of postgresql.so: name, version, classes, capabilities.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::postgresql::PostgresqlConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::postgresql::PostgresqlProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_LEASE, VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY,
                                               nullptr};
constexpr const char* producer_extensions[] = {VOLLEY_EXT_ATOMIC, VOLLEY_EXT_INSPECT, nullptr};

constexpr std::uint64_t carries = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_CAN_DELAY | VOLLEY_ORDERED;

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      carries,
                                      "PostgresqlConsumer",
                                      "takes from a queue in a PostgreSQL database",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{sizeof(volley_class),
                                      VOLLEY_KIND_PRODUCER,
                                      carries | VOLLEY_CAN_DEDUP | VOLLEY_CAN_TOMBSTONE | VOLLEY_JOINT_COMMIT,
                                      "PostgresqlProducer",
                                      "puts into a queue in a PostgreSQL database",
                                      config_schema,
                                      producer_extensions,
                                      &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "postgresql",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "queues in a PostgreSQL database",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

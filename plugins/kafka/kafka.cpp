// The plugin's description: name, version, classes and extensions.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::kafka::KafkaConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::kafka::KafkaProducer>();
constexpr const char* consumer_extensions[] = {
    VOLLEY_EXT_PARTITIONS, VOLLEY_EXT_LOG,     VOLLEY_EXT_INSPECT, VOLLEY_EXT_HISTORY,
    VOLLEY_EXT_IDENTITY,   VOLLEY_EXT_REMOVAL, VOLLEY_EXT_LAG,     nullptr};
constexpr const char* producer_extensions[] = {VOLLEY_EXT_ABILITIES, nullptr};

constexpr std::uint64_t carries = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS;

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      carries | VOLLEY_ORDERED,
                                      "KafkaConsumer",
                                      "reads Kafka topics as a member of a consumer group",
                                      consumer_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{
    sizeof(volley_class), VOLLEY_KIND_PRODUCER,      carries | VOLLEY_CAN_TOMBSTONE | VOLLEY_THREAD_SAFE,
    "KafkaProducer",      "writes to a Kafka topic", producer_schema,
    producer_extensions,  &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "kafka",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "Apache Kafka by librdkafka",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

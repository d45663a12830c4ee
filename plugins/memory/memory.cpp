// The description of memory.so: name, version, classes, capabilities.
#include "config_schema.hpp"
#include "consumer.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::memory::MemoryConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::memory::MemoryProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY, nullptr};
constexpr const char* producer_extensions[] = {VOLLEY_EXT_INSPECT, nullptr};

constexpr std::uint64_t carries = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_CAN_DELAY | VOLLEY_ORDERED;

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      carries | VOLLEY_BOUNDED,
                                      "MemoryConsumer",
                                      "takes from a queue inside the process",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{sizeof(volley_class),
                                      VOLLEY_KIND_PRODUCER,
                                      carries | VOLLEY_THREAD_SAFE | VOLLEY_CAN_TOMBSTONE,
                                      "MemoryProducer",
                                      "puts into a queue inside the process",
                                      config_schema,
                                      producer_extensions,
                                      &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "memory",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "queues inside the process, for tests and benchmarks",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

// The description of http.so: name, version, classes, capabilities.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::http::HttpConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::http::HttpProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY, nullptr};
constexpr const char* producer_extensions[] = {nullptr};

constexpr std::uint64_t carries = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS;

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      carries,
                                      "HttpConsumer",
                                      "takes requests, and answers them when they are done",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{
    sizeof(volley_class), VOLLEY_KIND_PRODUCER, carries | VOLLEY_THREAD_SAFE, "HttpProducer",
    "posts to a URL",     config_schema,        producer_extensions,          &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "http",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "requests that are received and sent",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

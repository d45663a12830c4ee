// The description of file.so: name, version, classes, capabilities.
#include "consumer.hpp"
#include "embedded.hpp"
#include "producer.hpp"

namespace {

constexpr auto consumer_functions = volley::consumer_functions<volley::file::FileConsumer>();
constexpr auto producer_functions = volley::producer_functions<volley::file::FileProducer>();
constexpr const char* consumer_extensions[] = {VOLLEY_EXT_LOG, VOLLEY_EXT_INSPECT, VOLLEY_EXT_IDENTITY,
                                               nullptr};
constexpr const char* producer_extensions[] = {nullptr};

constexpr volley_class consumer_class{sizeof(volley_class),
                                      VOLLEY_KIND_CONSUMER,
                                      VOLLEY_ORDERED | VOLLEY_BOUNDED,
                                      "FileConsumer",
                                      "reads the lines of a file or of standard input",
                                      config_schema,
                                      consumer_extensions,
                                      &consumer_functions};
constexpr volley_class producer_class{sizeof(volley_class),
                                      VOLLEY_KIND_PRODUCER,
                                      VOLLEY_ORDERED,
                                      "FileProducer",
                                      "writes lines to a file or to standard output",
                                      config_schema,
                                      producer_extensions,
                                      &producer_functions};
constexpr const volley_class* classes[] = {&consumer_class, &producer_class};

constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               2,
                               classes,
                               "file",
                               "0.1.0",
                               "the Volley authors",
                               "MIT",
                               "lines of files, standard input and standard output",
                               nullptr,
                               nullptr};

}  // namespace

extern "C" const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { return &plugin; }

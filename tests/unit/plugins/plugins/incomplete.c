/* A producer that cannot produce. */
#include "volley/plugin.h"

static int32_t create(const volley_host* host, const volley_options* options, volley_report_fn report,
                      void* context, volley_producer** out, volley_error* error) {
    (void)host, (void)options, (void)report, (void)context, (void)out;
    return volley_fail(error, VOLLEY_E_FATAL, "never");
}
static const volley_producer_class functions = {.struct_size = sizeof(volley_producer_class),
                                                .create = create};
static const volley_class producer = {.struct_size = sizeof(volley_class),
                                      .kind = VOLLEY_KIND_PRODUCER,
                                      .name = "Half",
                                      .functions = &functions};
static const volley_class* const classes[] = {&producer};

const volley_plugin* volley_plugin_v1(const volley_host* host, volley_error* error) {
    static const volley_plugin plugin = {.struct_size = sizeof(volley_plugin),
                                         .class_count = 1,
                                         .classes = classes,
                                         .name = "incomplete",
                                         .version = "1.0.0"};
    (void)host, (void)error;
    return &plugin;
}

/* A plugin with one class: a consumer, or with -DPRODUCER a producer. */
#include "volley/plugin.h"

static int instance;

#ifdef PRODUCER
static int32_t create(const volley_host* host, const volley_options* options, volley_report_fn report,
                      void* context, volley_producer** out, volley_error* error) {
    (void)host, (void)options, (void)report, (void)context, (void)error;
    *out = (volley_producer*)(void*)&instance;
    return VOLLEY_OK;
}
static int32_t produce(volley_producer* producer, const volley_record* records, uint32_t count,
                       uint32_t stride, uint32_t* accepted, volley_error* error) {
    (void)producer, (void)records, (void)count, (void)stride, (void)accepted, (void)error;
    return VOLLEY_AGAIN;
}
static void destroy(volley_producer* producer) { (void)producer; }
static const volley_producer_class functions = {
    .struct_size = sizeof functions, .create = create, .produce = produce, .destroy = destroy};
static const volley_class one = {
    .struct_size = sizeof one, .kind = VOLLEY_KIND_PRODUCER, .name = "One", .functions = &functions};
#else
static int32_t create(const volley_host* host, const volley_options* options, volley_consumer** out,
                      volley_error* error) {
    (void)host, (void)options, (void)error;
    *out = (volley_consumer*)(void*)&instance;
    return VOLLEY_OK;
}
static int32_t consume(volley_consumer* consumer, volley_batch* batch, uint32_t timeout_ms,
                       volley_error* error) {
    (void)consumer, (void)batch, (void)timeout_ms, (void)error;
    return VOLLEY_OK;
}
static int32_t settle(volley_consumer* consumer, volley_settlement* settlements, uint32_t count,
                      uint32_t stride, volley_error* error) {
    (void)consumer, (void)settlements, (void)count, (void)stride, (void)error;
    return VOLLEY_OK;
}
static void destroy(volley_consumer* consumer) { (void)consumer; }
static const volley_consumer_class functions = {.struct_size = sizeof functions,
                                                .create = create,
                                                .consume = consume,
                                                .settle = settle,
                                                .destroy = destroy};
static const volley_class one = {
    .struct_size = sizeof one, .kind = VOLLEY_KIND_CONSUMER, .name = "One", .functions = &functions};
#endif

static const volley_class* const classes[] = {&one};
static const volley_plugin plugin = {.struct_size = sizeof plugin,
                                     .class_count = 1,
                                     .classes = classes,
                                     .name = "one",
                                     .version = "1.0.0"};
const volley_plugin* volley_plugin_v1(const volley_host* host, volley_error* error) {
    (void)host, (void)error;
    return &plugin;
}

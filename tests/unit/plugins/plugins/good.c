/* A plugin with two consumers, one handler and, as an older one would, short structs. */
#include <string.h>

#include "volley/plugin.h"

static int32_t create(const volley_host* host, const volley_options* options, volley_consumer** out,
                      volley_error* error) {
    static int instance;
    volley_view text;
    int32_t type = 0;
    (void)options;
    if (host->config(host, "refuse", &type, &text) == 1) {
        if (error) memcpy(error->field, "/refuse", 8);
        return volley_fail(error, VOLLEY_E_CONFIG, "asked to refuse");
    }
    host->metric_add(host->metric(host, VOLLEY_COUNTER, "created_total", "Instances", NULL, 0), 1);
    *out = (volley_consumer*)(void*)&instance;
    return VOLLEY_OK;
}

static int32_t consume(volley_consumer* consumer, volley_batch* batch, uint32_t timeout_ms,
                       volley_error* error) {
    (void)consumer;
    (void)batch;
    if (timeout_ms == 1) return volley_fail(error, VOLLEY_E_UNAUTHORIZED, "wrong password");
    if (timeout_ms == 2) return 99;
    if (timeout_ms == 3) batch->count = batch->capacity + 1;
    if (timeout_ms == 5 || timeout_ms == 6) batch->count = 1;
    if (timeout_ms == 5) return volley_fail(error, VOLLEY_E_RETRY, "the connection broke");
    if (timeout_ms == 6) return volley_fail(error, VOLLEY_E_FENCED, "another has the place");
    if (timeout_ms == 7) return VOLLEY_AGAIN;
    return timeout_ms == 4 ? VOLLEY_END : VOLLEY_OK;
}

static int32_t settle(volley_consumer* consumer, volley_settlement* settlements, uint32_t count,
                      uint32_t stride, volley_error* error) {
    (void)consumer, (void)settlements, (void)count, (void)stride, (void)error;
    return VOLLEY_OK;
}

static void destroy(volley_consumer* consumer) { (void)consumer; }

static const void* must_not_be_called(volley_consumer* consumer, const char* id) {
    (void)consumer;
    return id;
}

/* struct_size ends before get_extension, which therefore must not be read. */
static const volley_consumer_class functions = {.struct_size = offsetof(volley_consumer_class, get_extension),
                                                .create = create,
                                                .consume = consume,
                                                .settle = settle,
                                                .destroy = destroy,
                                                .get_extension = must_not_be_called};

static int32_t create_handler(const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                              volley_handler** out, volley_error* error) {
    static int instance;
    (void)host, (void)options, (void)jobs, (void)error;
    *out = (volley_handler*)(void*)&instance;
    return VOLLEY_OK;
}
static int32_t handle(volley_handler* handler, volley_task* tasks, uint32_t count, uint32_t stride,
                      volley_error* error) {
    (void)handler, (void)error;
    for (uint32_t i = 0; i < count; ++i) VOLLEY_AT(volley_task, tasks, stride, i)->status = VOLLEY_DROP;
    return VOLLEY_OK;
}
static void destroy_handler(volley_handler* handler) { (void)handler; }
static const volley_handler_class handler_functions = {.struct_size = sizeof(volley_handler_class),
                                                       .create = create_handler,
                                                       .handle = handle,
                                                       .destroy = destroy_handler};

static const volley_class first = {.struct_size = sizeof(volley_class),
                                   .kind = VOLLEY_KIND_CONSUMER,
                                   .flags = VOLLEY_CAN_KEY,
                                   .name = "First",
                                   .functions = &functions};
static const volley_class second = {.struct_size = sizeof(volley_class),
                                    .kind = VOLLEY_KIND_CONSUMER,
                                    .name = "Second",
                                    .functions = &functions};
static const volley_class handler = {.struct_size = sizeof(volley_class),
                                     .kind = VOLLEY_KIND_HANDLER,
                                     .name = "Drop",
                                     .functions = &handler_functions};
static const volley_class unknown_kind = {.struct_size = sizeof(volley_class), .kind = 77};

static const volley_class* const classes[] = {&first, &second, &handler, &unknown_kind};
static uint32_t entries;

const volley_plugin* volley_plugin_v1(const volley_host* host, volley_error* error) {
    static volley_plugin plugin = {.struct_size = offsetof(volley_plugin, author),
                                   .class_count = 4,
                                   .classes = classes,
                                   .name = "good",
                                   .version = "1.2.3",
                                   .author = "past struct_size"};
    (void)host;
    if (++entries > 1) {
        volley_fail(error, VOLLEY_E_FATAL, "the entry was called twice");
        return NULL;
    }
    return &plugin;
}

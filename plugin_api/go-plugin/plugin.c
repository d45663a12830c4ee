// The tables of the ABI. Each class has its own create function, because create does not get the class.
#include "bridge.h"

#include <signal.h>

#include "_cgo_export.h"

// Go's runtime starts its threads while the file is loaded, and they inherit the signal mask of the loading thread. A
// plugin's threads must block all signals. Therefore the loading thread blocks them before that, until the entry point
// is called on the same thread.
static sigset_t mask_before;
static int is_masked;
__attribute__((constructor(101))) static void block_signals(void) {
  sigset_t all;
  sigfillset(&all);
  is_masked = pthread_sigmask(SIG_SETMASK, &all, &mask_before) == 0;
}
static void restore_signals(void) {
  if (is_masked) pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
  is_masked = 0;
}

int32_t bridge_config(const volley_host *host, const char *key, volley_view *value) {
  int32_t type = VOLLEY_JSON_NULL;
  return host->config(host, key, &type, value) == 1 && type != VOLLEY_JSON_NULL;
}
void bridge_log(const volley_host *host, uint32_t level, void *text, size_t size) {
  const volley_view view = {text, size};
  host->log(host, level, view, NULL, 0);
}
void bridge_report(volley_report_fn report, void *context, uint64_t token, int32_t status, void *text, size_t size) {
  const volley_report r = {.token = token, .status = status, .partition = -1, .offset = -1, .text = {text, size}};
  report(context, &r, 1, sizeof r);
}
int32_t bridge_emit(const volley_jobs *jobs, volley_job *job, void *queue, size_t queue_size, void *body, size_t size) {
  const volley_record record = {.partition = -1, .body = {body, size}};
  const volley_view to = {queue, queue_size};
  return jobs->emit(jobs->context, job, to, &record, sizeof record, NULL);
}
void bridge_explain(const volley_jobs *jobs, volley_job *job, void *text, size_t size) {
  const volley_view view = {text, size};
  jobs->explain(jobs->context, job, view);
}
int32_t bridge_cancelled(const volley_jobs *jobs, volley_job *job) { return jobs->cancelled(jobs->context, job); }
volley_message *bridge_message(volley_batch *b) { return VOLLEY_AT(volley_message, b->messages, b->message_size, b->count); }
volley_settlement *bridge_settlement(volley_settlement *all, uint32_t stride, uint32_t i) {
  return VOLLEY_AT(volley_settlement, all, stride, i);
}
const volley_record *bridge_record(const volley_record *all, uint32_t stride, uint32_t i) {
  return VOLLEY_CONST_AT(volley_record, all, stride, i);
}
volley_task *bridge_task(volley_task *all, uint32_t stride, uint32_t i) { return VOLLEY_AT(volley_task, all, stride, i); }

static uintptr_t handle(const void *instance) { return (uintptr_t)instance; }

static int32_t consumer_open(volley_consumer *c, volley_error *e) { return volleyConsumerOpen(handle(c), e); }
static int32_t consumer_consume(volley_consumer *c, volley_batch *b, uint32_t timeout_ms, volley_error *e) {
  return volleyConsume(handle(c), b, timeout_ms, e);
}
static int32_t consumer_settle(volley_consumer *c, volley_settlement *s, uint32_t n, uint32_t stride, volley_error *e) {
  return volleySettle(handle(c), s, n, stride, e);
}
static int32_t consumer_close(volley_consumer *c, uint32_t timeout_ms, volley_error *e) {
  (void)timeout_ms;
  return volleyConsumerClose(handle(c), e);
}
static void consumer_destroy(volley_consumer *c) { volleyConsumerDestroy(handle(c)); }
static int32_t producer_open(volley_producer *p, volley_error *e) { return volleyProducerOpen(handle(p), e); }
static int32_t producer_produce(volley_producer *p, const volley_record *r, uint32_t n, uint32_t stride, uint32_t *accepted,
                                volley_error *e) {
  *accepted = 0;
  return volleyProduce(handle(p), (volley_record *)r, n, stride, accepted, e);
}
static int32_t producer_close(volley_producer *p, uint32_t timeout_ms, volley_error *e) {
  (void)timeout_ms;
  return volleyProducerClose(handle(p), e);
}
static void producer_destroy(volley_producer *p) { volleyDestroy(handle(p)); }
static int32_t handler_handle(volley_handler *h, volley_task *t, uint32_t n, uint32_t stride, volley_error *e) {
  return volleyHandle(handle(h), t, n, stride, e);
}
static void handler_destroy(volley_handler *h) { volleyDestroy(handle(h)); }

#define CLASSES(n)                                                                                                            \
  static int32_t create_consumer_##n(const volley_host *h, const volley_options *o, volley_consumer **out, volley_error *e) { \
    return volleyCreateConsumer(n, (volley_host *)h, (volley_options *)o, (void **)out, e);                                   \
  }                                                                                                                           \
  static int32_t create_producer_##n(const volley_host *h, const volley_options *o, volley_report_fn report, void *context,   \
                                     volley_producer **out, volley_error *e) {                                                \
    return volleyCreateProducer(n, (volley_host *)h, (volley_options *)o, report, context, (void **)out, e);                  \
  }                                                                                                                           \
  static int32_t create_handler_##n(const volley_host *h, const volley_options *o, const volley_jobs *jobs,                   \
                                    volley_handler **out, volley_error *e) {                                                  \
    return volleyCreateHandler(n, (volley_host *)h, (volley_options *)o, (volley_jobs *)jobs, (void **)out, e);               \
  }
CLASSES(0)
CLASSES(1)
CLASSES(2)
CLASSES(3)

#define CONSUMER(n)                                                                                                \
  {.struct_size = sizeof(volley_consumer_class), .create = create_consumer_##n, .open = consumer_open,            \
   .consume = consumer_consume, .settle = consumer_settle, .close = consumer_close, .destroy = consumer_destroy}
#define PRODUCER(n)                                                                                                \
  {.struct_size = sizeof(volley_producer_class), .create = create_producer_##n, .open = producer_open,            \
   .produce = producer_produce, .close = producer_close, .destroy = producer_destroy}
#define HANDLER(n)                                                                                                 \
  {.struct_size = sizeof(volley_handler_class), .create = create_handler_##n, .handle = handler_handle,           \
   .destroy = handler_destroy}
static const volley_consumer_class consumers[bridge_most_classes] = {CONSUMER(0), CONSUMER(1), CONSUMER(2), CONSUMER(3)};
static const volley_producer_class producers[bridge_most_classes] = {PRODUCER(0), PRODUCER(1), PRODUCER(2), PRODUCER(3)};
static const volley_handler_class handlers[bridge_most_classes] = {HANDLER(0), HANDLER(1), HANDLER(2), HANDLER(3)};

static volley_class classes[3 * bridge_most_classes];
static const volley_class *pointers[3 * bridge_most_classes];
static volley_plugin plugin = {.struct_size = sizeof plugin, .abi_minor = VOLLEY_ABI_MINOR, .classes = pointers};

void bridge_describe(char *name, char *version, char *summary, char *license) {
  plugin.name = name;
  plugin.version = version;
  plugin.summary = summary;
  plugin.license = license;
}

void bridge_add(uint32_t kind, uint32_t index, char *name, uint64_t flags, char *summary, char *config_schema) {
  volley_class *c = &classes[plugin.class_count];
  c->struct_size = sizeof *c;
  c->kind = kind;
  c->flags = flags;
  c->name = name;
  c->summary = summary;
  c->config_schema = config_schema;
  c->functions = kind == VOLLEY_KIND_CONSUMER   ? (const void *)&consumers[index]
                 : kind == VOLLEY_KIND_PRODUCER ? (const void *)&producers[index]
                                                : (const void *)&handlers[index];
  pointers[plugin.class_count++] = c;
}

const volley_plugin *volley_plugin_v1(const volley_host *host, volley_error *error) {
  (void)host;
  const int32_t status = volleyDescribe(error);  // waits for Go's runtime
  restore_signals();
  return status == VOLLEY_OK ? &plugin : NULL;
}

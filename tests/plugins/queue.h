/* A right plugin in C11: queues in this process, a consumer, a producer and a handler. right.c exports it as it is;
 * each file of wrong/ exports it with one mistake, which a check of volley-plugin-check must find. It is also built
 * from frozen and from larger copies of plugin.h: it steps through arrays with their strides, and fills structs by
 * the names of their fields.
 *
 * All queues are behind one mutex. An item is one consumer's from consume until settle. */
#ifndef QUEUE_H
#define QUEUE_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <volley/plugin.h>

typedef struct item {
  struct item *next;
  size_t size;
  uint32_t deliveries;
  int is_taken;
  char body[];
} item;

typedef struct queue {
  struct queue *next;
  item *first;
  char name[128];
} queue;

/* Also the producer: both know their queue, and the producer whom it reports to. */
struct volley_consumer {
  queue *of;
  int is_interrupted;
  char name[128];
};
struct volley_producer {
  struct volley_consumer common;
  volley_report_fn report;
  void *report_context;
};
struct volley_handler {
  const volley_jobs *jobs;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static queue *queues;

/* Requires: the mutex is held. NULL: no memory. */
static inline queue *find_queue(const char *name) {
  queue *q = queues;
  while (q && strcmp(q->name, name) != 0) q = q->next;
  if (q || !(q = calloc(1, sizeof *q))) return q;
  strcpy(q->name, name);
  q->next = queues;
  queues = q;
  return q;
}

static inline void append(queue *q, item *added) {
  item **last = &q->first;
  while (*last) last = &(*last)->next;
  *last = added;
}

static inline int32_t check_options(const volley_host *host, const volley_options *options, char name[128],
                                    volley_error *error) {
  int32_t type = 0;
  volley_view text;
  if (host->config(host, "label", &type, &text) == 1 && type != VOLLEY_JSON_STRING)
    return volley_fail(error, VOLLEY_E_CONFIG, "label must be a text");
  if (options->value.size >= 128) return volley_fail(error, VOLLEY_E_CONFIG, "the queue's value is longer than 127 bytes");
  memset(name, 0, 128);
  if (options->value.data) memcpy(name, options->value.data, options->value.size);
  return VOLLEY_OK;
}

static inline int32_t queue_create(const volley_host *host, const volley_options *options, volley_consumer **out,
                                   volley_error *error) {
  char name[128];
  int32_t checked = check_options(host, options, name, error);
  if (checked != VOLLEY_OK) return checked;
  if (!(*out = calloc(1, sizeof **out))) return volley_fail(error, VOLLEY_E_RETRY, "out of memory");
  memcpy((*out)->name, name, sizeof name);
  return VOLLEY_OK;
}

static inline int32_t queue_open(volley_consumer *c, volley_error *error) {
  pthread_mutex_lock(&mutex);
  c->of = find_queue(c->name);
  pthread_mutex_unlock(&mutex);
  return c->of ? VOLLEY_OK : volley_fail(error, VOLLEY_E_RETRY, "out of memory");
}

static inline item *free_item(queue *q) {
  item *i = q->first;
  while (i && i->is_taken) i = i->next;
  return i;
}

static inline int32_t queue_consume(volley_consumer *c, volley_batch *batch, uint32_t timeout_ms, volley_error *error) {
  struct timespec end;
  (void)error;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += timeout_ms / 1000;
  end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) ++end.tv_sec, end.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  while (!free_item(c->of) && !c->is_interrupted && pthread_cond_timedwait(&changed, &mutex, &end) == 0) continue;
  c->is_interrupted = 0;
  for (item *i; batch->count < batch->capacity && (i = free_item(c->of));) {
    volley_message *m = VOLLEY_AT(volley_message, batch->messages, batch->message_size, batch->count++);
    i->is_taken = 1;
    m->handle = (uint64_t)(uintptr_t)i;
    m->body.data = i->body;
    m->body.size = i->size;
    m->delivery_count = ++i->deliveries;
  }
  pthread_mutex_unlock(&mutex);
  return VOLLEY_OK;
}

/* Ends one delivery. Requires: the mutex is held. */
static inline void settle_one(volley_consumer *c, uint64_t handle, int32_t outcome) {
  for (item **at = &c->of->first; *at; at = &(*at)->next) {
    item *i = *at;
    if ((uint64_t)(uintptr_t)i != handle) continue;
    i->is_taken = 0;
    if (outcome == VOLLEY_RELEASE) --i->deliveries;
    if (outcome == VOLLEY_ACK) *at = i->next, free(i);
    return;
  }
}

static inline int32_t queue_settle(volley_consumer *c, volley_settlement *settlements, uint32_t count, uint32_t stride,
                                   volley_error *error) {
  (void)error;
  pthread_mutex_lock(&mutex);
  for (uint32_t n = 0; n < count; ++n) {
    volley_settlement *s = VOLLEY_AT(volley_settlement, settlements, stride, n);
    settle_one(c, s->handle, s->outcome);
    s->result = VOLLEY_OK;
  }
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  return VOLLEY_OK;
}

static inline void queue_interrupt(volley_consumer *c) {
  pthread_mutex_lock(&mutex);
  c->is_interrupted = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static inline void queue_destroy(volley_consumer *c) { free(c); }

static inline int32_t producer_create(const volley_host *host, const volley_options *options, volley_report_fn report,
                                      void *report_context, volley_producer **out, volley_error *error) {
  char name[128];
  int32_t checked = check_options(host, options, name, error);
  if (checked != VOLLEY_OK) return checked;
  if (!(*out = calloc(1, sizeof **out))) return volley_fail(error, VOLLEY_E_RETRY, "out of memory");
  memcpy((*out)->common.name, name, sizeof name);
  (*out)->report = report;
  (*out)->report_context = report_context;
  return VOLLEY_OK;
}

static inline int32_t producer_open(volley_producer *p, volley_error *error) { return queue_open(&p->common, error); }

static inline void report_one(volley_producer *p, uint64_t token, int32_t status) {
  volley_report report = {.token = token, .status = status, .partition = -1, .offset = -1};
  p->report(p->report_context, &report, 1, sizeof report);
}

static inline int32_t producer_produce(volley_producer *p, const volley_record *records, uint32_t count, uint32_t stride,
                                       uint32_t *accepted, volley_error *error) {
  (void)error;
  for (*accepted = 0; *accepted < count; ++*accepted) {
    const volley_record *r = VOLLEY_CONST_AT(volley_record, records, stride, *accepted);
    item *i = calloc(1, sizeof *i + r->body.size);
    if (!i) return VOLLEY_AGAIN;
    i->size = r->body.size;
    if (r->body.size) memcpy(i->body, r->body.data, r->body.size);
    pthread_mutex_lock(&mutex);
    append(p->common.of, i);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    report_one(p, r->token, VOLLEY_OK);
  }
  return VOLLEY_OK;
}

static inline void producer_destroy(volley_producer *p) { free(p); }

static inline int32_t handler_create(const volley_host *host, const volley_options *options, const volley_jobs *jobs,
                                     volley_handler **out, volley_error *error) {
  (void)host, (void)options;
  if (!(*out = calloc(1, sizeof **out))) return volley_fail(error, VOLLEY_E_RETRY, "out of memory");
  (*out)->jobs = jobs;
  return VOLLEY_OK;
}

static inline int32_t handler_handle(volley_handler *h, volley_task *tasks, uint32_t count, uint32_t stride,
                                     volley_error *error) {
  for (uint32_t n = 0; n < count; ++n) {
    volley_task *t = VOLLEY_AT(volley_task, tasks, stride, n);
    volley_record output = {.body = t->message->body, .partition = -1};
    t->status = h->jobs->emit(h->jobs->context, t->job, volley_text(NULL), &output, sizeof output, error);
  }
  return VOLLEY_OK;
}

static inline void handler_destroy(volley_handler *h) { free(h); }

static volley_consumer_class consumer_functions = {.struct_size = sizeof(volley_consumer_class),
                                                   .create = queue_create,
                                                   .open = queue_open,
                                                   .consume = queue_consume,
                                                   .settle = queue_settle,
                                                   .interrupt = queue_interrupt,
                                                   .destroy = queue_destroy};
static volley_producer_class producer_functions = {.struct_size = sizeof(volley_producer_class),
                                                   .create = producer_create,
                                                   .open = producer_open,
                                                   .produce = producer_produce,
                                                   .destroy = producer_destroy};
static volley_handler_class handler_functions = {.struct_size = sizeof(volley_handler_class),
                                                 .create = handler_create,
                                                 .handle = handler_handle,
                                                 .destroy = handler_destroy};

#define QUEUE_SCHEMA \
  "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {\"label\": {\"type\": \"string\"}}}"

static volley_class reader = {.struct_size = sizeof(volley_class),
                              .kind = VOLLEY_KIND_CONSUMER,
                              .flags = VOLLEY_ORDERED,
                              .name = "Reader",
                              .summary = "A queue in this process",
                              .config_schema = QUEUE_SCHEMA,
                              .functions = &consumer_functions};
static volley_class writer = {.struct_size = sizeof(volley_class),
                              .kind = VOLLEY_KIND_PRODUCER,
                              .flags = VOLLEY_ORDERED | VOLLEY_THREAD_SAFE,
                              .name = "Writer",
                              .summary = "A queue in this process",
                              .config_schema = QUEUE_SCHEMA,
                              .functions = &producer_functions};
static volley_class echo = {.struct_size = sizeof(volley_class),
                            .kind = VOLLEY_KIND_HANDLER,
                            .name = "Echo",
                            .summary = "Forwards each message",
                            .config_schema = QUEUE_SCHEMA,
                            .functions = &handler_functions};

/* Exports the plugin, after `SPOIL` has changed the tables above. */
#define QUEUE_JOIN(a, b) a##b
#define QUEUE_ENTRY(major) QUEUE_JOIN(volley_plugin_v, major)
#define QUEUE_PLUGIN(SPOIL)                                                                                       \
  VOLLEY_EXPORT const volley_plugin *QUEUE_ENTRY(VOLLEY_ABI_MAJOR)(const volley_host *host, volley_error *error) { \
    static const volley_class *const classes[] = {&reader, &writer, &echo};                                       \
    static const volley_plugin plugin = {.struct_size = sizeof(volley_plugin),                                    \
                                         .abi_minor = VOLLEY_ABI_MINOR,                                           \
                                         .class_count = 3,                                                        \
                                         .classes = classes,                                                      \
                                         .name = "queue",                                                         \
                                         .version = "1.0.0",                                                      \
                                         .license = "Apache-2.0",                                                 \
                                         .summary = "Queues in this process, for tests"};                         \
    (void)host, (void)error;                                                                                      \
    SPOIL;                                                                                                        \
    return &plugin;                                                                                               \
  }

#endif /* QUEUE_H */

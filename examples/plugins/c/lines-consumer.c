/* A consumer in C: the lines of a file are messages. README.md says how to build it. A process that is started again reads the
 * file from its beginning. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <volley/plugin.h>

struct line { struct line *next; size_t size; char id[24], text[]; };
struct reader { FILE *file; struct line *again; unsigned long long count; char path[4096]; };

/* No I/O: the check of a configuration creates an instance, too. */
static int32_t create(const volley_host *h, const volley_options *o, volley_consumer **out, volley_error *e) {
  struct reader *r = calloc(1, sizeof *r);
  (void)h;
  if (!r) return volley_fail(e, VOLLEY_E_RETRY, "out of memory");
  snprintf(r->path, sizeof r->path, "%.*s/%.*s", (int)o->base_dir.size, (const char *)o->base_dir.data, (int)o->value.size,
           (const char *)o->value.data);
  *out = (volley_consumer *)r;
  return VOLLEY_OK;
}

static int32_t open_file(volley_consumer *c, volley_error *e) {
  struct reader *r = (struct reader *)c;
  char why[4300];
  if ((r->file = fopen(r->path, "r"))) return VOLLEY_OK;
  snprintf(why, sizeof why, "%s: %s", r->path, strerror(errno));
  return volley_fail(e, VOLLEY_E_RETRY, why); /* open is called again */
}

/* Returns NULL at the end of the file. */
static struct line *next_line(struct reader *r) {
  struct line *line = r->again;
  char *text = NULL;
  size_t room = 0;
  if (line) return r->again = line->next, line;
  ssize_t size = getline(&text, &room, r->file);
  if (size >= 0 && (line = malloc(sizeof *line + (size_t)size))) {
    if (size > 0 && text[size - 1] == '\n') --size;
    snprintf(line->id, sizeof line->id, "%llu", ++r->count);
    memcpy(line->text, text, line->size = (size_t)size);
  }
  free(text);
  return line;
}

static int32_t consume(volley_consumer *c, volley_batch *b, uint32_t timeout_ms, volley_error *e) {
  (void)e;
  for (struct line *line; b->count < b->capacity && (line = next_line((struct reader *)c)); ++b->count) {
    volley_message *m = VOLLEY_AT(volley_message, b->messages, b->message_size, b->count);
    m->handle = (uint64_t)(uintptr_t)line; /* its views stay valid until it is settled */
    m->body = (volley_view){line->text, line->size};
    m->id = volley_text(line->id);
  }
  /* There is no `interrupt`, so that the wait is short. */
  if (b->count == 0) poll(NULL, 0, timeout_ms < 50 ? (int)timeout_ms : 50);
  return VOLLEY_OK;
}

static int32_t settle(volley_consumer *c, volley_settlement *all, uint32_t count, uint32_t stride, volley_error *e) {
  struct reader *r = (struct reader *)c;
  (void)e;
  for (uint32_t i = count; i-- > 0;) { /* from the end, so that the first is the first again */
    volley_settlement *s = VOLLEY_AT(volley_settlement, all, stride, i);
    struct line *line = (struct line *)(uintptr_t)s->handle;
    s->result = VOLLEY_OK;
    if (s->outcome == VOLLEY_ACK) free(line);
    else line->next = r->again, r->again = line;
  }
  return VOLLEY_OK;
}

static void destroy(volley_consumer *c) {
  struct reader *r = (struct reader *)c;
  for (struct line *line; (line = r->again); free(line)) r->again = line->next;
  if (r->file) fclose(r->file);
  free(r);
}

static const volley_class reader = {
    .struct_size = sizeof reader, .kind = VOLLEY_KIND_CONSUMER, .flags = VOLLEY_ORDERED, .name = "Reader",
    .summary = "the lines of a file", .config_schema = "{\"additionalProperties\": false}",
    .functions = &(const volley_consumer_class){.struct_size = sizeof(volley_consumer_class), .create = create,
        .open = open_file, .consume = consume, .settle = settle, .destroy = destroy}};
static const volley_plugin plugin = {
    .struct_size = sizeof plugin, .class_count = 1, .classes = (const volley_class *const[]){&reader},
    .name = "lines-consumer", .version = "1.0.0", .summary = "the lines of a file", .license = "MIT"};
const volley_plugin *volley_plugin_v1(const volley_host *host, volley_error *error) {
  return (void)host, (void)error, &plugin;
}

/* A producer in C: each message becomes a line at the end of a file. README.md says how to build it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <volley/plugin.h>

struct writer { int file; volley_report_fn report; void *report_context; char path[4096]; };

/* No I/O: the check of a configuration creates an instance, too. */
static int32_t create(const volley_host *h, const volley_options *o, volley_report_fn report, void *report_context,
                      volley_producer **out, volley_error *e) {
  struct writer *w = calloc(1, sizeof *w);
  (void)h;
  if (!w) return volley_fail(e, VOLLEY_E_RETRY, "out of memory");
  w->file = -1;
  w->report = report;
  w->report_context = report_context;
  snprintf(w->path, sizeof w->path, "%.*s/%.*s", (int)o->base_dir.size, (const char *)o->base_dir.data, (int)o->value.size,
           (const char *)o->value.data);
  *out = (volley_producer *)w;
  return VOLLEY_OK;
}

static int32_t open_file(volley_producer *p, volley_error *e) {
  struct writer *w = (struct writer *)p;
  char why[4300];
  if ((w->file = open(w->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) >= 0) return VOLLEY_OK;
  snprintf(why, sizeof why, "%s: %s", w->path, strerror(errno));
  return volley_fail(e, VOLLEY_E_RETRY, why); /* open is called again */
}

static int32_t produce(volley_producer *p, const volley_record *all, uint32_t count, uint32_t stride, uint32_t *accepted,
                       volley_error *e) {
  const struct writer *w = (struct writer *)p;
  for (; *accepted < count; ++*accepted) {
    const volley_record *r = VOLLEY_CONST_AT(volley_record, all, stride, *accepted);
    const struct iovec line[] = {{(void *)r->body.data, r->body.data ? r->body.size : 0}, {"\n", 1}};
    const volley_report report = {.token = r->token, .partition = -1, .offset = -1};
    const off_t end = lseek(w->file, 0, SEEK_END);
    if (writev(w->file, line, 2) != (ssize_t)(line[0].iov_len + 1)) {
      volley_fail(e, VOLLEY_E_RETRY, strerror(errno));
      (void)!ftruncate(w->file, end); /* the disk is full: leave no half line */
      return VOLLEY_E_RETRY;          /* this record is sent again, and those behind it */
    }
    w->report(w->report_context, &report, 1, sizeof report);
  }
  return VOLLEY_OK;
}

static void destroy(volley_producer *p) {
  struct writer *w = (struct writer *)p;
  if (w->file >= 0) close(w->file);
  free(w);
}

static const volley_class writer = {
    .struct_size = sizeof writer, .kind = VOLLEY_KIND_PRODUCER, .flags = VOLLEY_ORDERED, .name = "Writer",
    .summary = "appends lines to a file", .config_schema = "{\"additionalProperties\": false}",
    .functions = &(const volley_producer_class){.struct_size = sizeof(volley_producer_class), .create = create,
        .open = open_file, .produce = produce, .destroy = destroy}};
static const volley_plugin plugin = {
    .struct_size = sizeof plugin, .class_count = 1, .classes = (const volley_class *const[]){&writer},
    .name = "lines-producer", .version = "1.0.0", .summary = "appends lines to a file", .license = "MIT"};
const volley_plugin *volley_plugin_v1(const volley_host *host, volley_error *error) {
  return (void)host, (void)error, &plugin;
}

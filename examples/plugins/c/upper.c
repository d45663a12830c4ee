/* A handler in C: sends each message on in capital letters. README.md says how to build it. */
#include <ctype.h>
#include <stdlib.h>
#include <volley/plugin.h>

static int32_t create(const volley_host *h, const volley_options *o, const volley_jobs *jobs, volley_handler **out,
                      volley_error *e) {
  (void)h, (void)o, (void)e;
  *out = (volley_handler *)(uintptr_t)jobs;         /* there is nothing else to remember */
  return VOLLEY_OK;
}
static void destroy(volley_handler *h) { (void)h; }

static int32_t upper(const volley_jobs *jobs, const volley_task *task) {
  const volley_view body = task->message->body;
  const volley_view all_outputs = {NULL, 0};
  volley_record record = {.partition = -1};
  if (!body.data) {
    jobs->explain(jobs->context, task->job, volley_text("a message without a body"));
    return VOLLEY_E_PERMANENT;                      /* to the dead-letter queue */
  }
  char *text = malloc(body.size + 1);
  if (!text) return VOLLEY_E_RETRY;
  for (size_t i = 0; i < body.size; ++i) text[i] = (char)toupper(((const unsigned char *)body.data)[i]);
  record.body = (volley_view){text, body.size};
  int32_t status = jobs->emit(jobs->context, task->job, all_outputs, &record, sizeof record, NULL);   /* copies */
  free(text);
  return status;
}
/* No two tasks of one call are of one ordering group, because the class lacks VOLLEY_KEEPS_GROUPS. */
static int32_t handle(volley_handler *h, volley_task *tasks, uint32_t count, uint32_t stride, volley_error *e) {
  (void)e;
  for (uint32_t i = 0; i < count; ++i) {
    volley_task *task = VOLLEY_AT(volley_task, tasks, stride, i);
    task->status = upper((const volley_jobs *)h, task);
  }
  return VOLLEY_OK;
}

static const volley_class upper_class = {
    .struct_size = sizeof upper_class, .kind = VOLLEY_KIND_HANDLER, .name = "Upper", .summary = "in capital letters",
    .config_schema = "{\"additionalProperties\": false}",
    .functions = &(const volley_handler_class){
        .struct_size = sizeof(volley_handler_class), .create = create, .handle = handle, .destroy = destroy}};
static const volley_plugin plugin = {
    .struct_size = sizeof plugin, .class_count = 1, .classes = (const volley_class *const[]){&upper_class},
    .name = "upper", .version = "1.0.0", .summary = "in capital letters", .license = "MIT"};
const volley_plugin *volley_plugin_v1(const volley_host *host, volley_error *error) {
  return (void)host, (void)error, &plugin;
}

/* The handler: sends each order on to the shipments. */
#include <volley/plugin.h>

static int32_t create(const volley_host *h, const volley_options *o, const volley_jobs *jobs, volley_handler **out,
                      volley_error *e) {
  (void)h, (void)o, (void)e;
  *out = (volley_handler *)(uintptr_t)jobs;         /* there is nothing else to remember */
  return VOLLEY_OK;
}
static void destroy(volley_handler *h) { (void)h; }

/* The body is JSON text, which volleyd has checked against order.schema.json; only a tombstone has none. */
static int32_t ship(const volley_jobs *jobs, const volley_task *task) {
  const volley_view shipments = {"shipments", 9};
  volley_record record = {.partition = -1, .body = task->message->body};
  if (!record.body.data) {
    jobs->explain(jobs->context, task->job, volley_text("an order without a body"));
    return VOLLEY_E_PERMANENT; /* it becomes a dead letter; VOLLEY_E_RETRY: it is tried again */
  }
  return jobs->emit(jobs->context, task->job, shipments, &record, sizeof record, NULL);
}
/* No two tasks of one call are of one ordering group, because the class lacks VOLLEY_KEEPS_GROUPS. */
static int32_t handle(volley_handler *h, volley_task *tasks, uint32_t count, uint32_t stride, volley_error *e) {
  (void)e;
  for (uint32_t i = 0; i < count; ++i) {
    volley_task *task = VOLLEY_AT(volley_task, tasks, stride, i);
    task->status = ship((const volley_jobs *)h, task);
  }
  return VOLLEY_OK;
}

static const volley_class ship_class = {
    .struct_size = sizeof ship_class, .kind = VOLLEY_KIND_HANDLER, .name = "Ship", .summary = "sends orders on",
    .config_schema = "{\"additionalProperties\": false}",
    .functions = &(const volley_handler_class){
        .struct_size = sizeof(volley_handler_class), .create = create, .handle = handle, .destroy = destroy}};
static const volley_plugin plugin = {
    .struct_size = sizeof plugin, .class_count = 1, .classes = (const volley_class *const[]){&ship_class},
    .name = "ship", .version = "1.0.0", .summary = "sends orders on", .license = "MIT"};
const volley_plugin *volley_plugin_v1(const volley_host *host, volley_error *error) {
  return (void)host, (void)error, &plugin;
}

// C functions for the Go side: they call function pointers of the engine, and access elements of its arrays.
#pragma once

#include <volley/plugin.h>

enum { bridge_most_classes = 4 };  // of a kind

int32_t bridge_config(const volley_host *host, const char *key, volley_view *value);
void bridge_log(const volley_host *host, uint32_t level, void *text, size_t size);
void bridge_report(volley_report_fn report, void *context, uint64_t token, int32_t status, void *text, size_t size);
int32_t bridge_emit(const volley_jobs *jobs, volley_job *job, void *queue, size_t queue_size, void *body, size_t size);
void bridge_explain(const volley_jobs *jobs, volley_job *job, void *text, size_t size);
int32_t bridge_cancelled(const volley_jobs *jobs, volley_job *job);
volley_message *bridge_message(volley_batch *batch);
volley_settlement *bridge_settlement(volley_settlement *all, uint32_t stride, uint32_t i);
const volley_record *bridge_record(const volley_record *all, uint32_t stride, uint32_t i);
volley_task *bridge_task(volley_task *all, uint32_t stride, uint32_t i);

// Adds the classes that the Go side registered; called from inside volley_plugin_v1.
// The texts live as long as the process.
void bridge_describe(char *name, char *version, char *summary, char *license);
void bridge_add(uint32_t kind, uint32_t index, char *name, uint64_t flags, char *summary, char *config_schema);

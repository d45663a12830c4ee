/* The handler leaves every eighth message pending, and forgets it. */
#include "../queue.h"

static int32_t handle(volley_handler *h, volley_task *tasks, uint32_t count, uint32_t stride, volley_error *error) {
  int32_t status = handler_handle(h, tasks, count, stride, error);
  for (uint32_t n = 7; n < count; n += 8) VOLLEY_AT(volley_task, tasks, stride, n)->status = VOLLEY_PENDING;
  return status;
}

QUEUE_PLUGIN(handler_functions.handle = handle)

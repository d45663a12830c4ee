/* consume counts one message more than there is room for. */
#include "../queue.h"

static int32_t consume(volley_consumer *c, volley_batch *batch, uint32_t timeout_ms, volley_error *error) {
  int32_t status = queue_consume(c, batch, timeout_ms, error);
  if (batch->count == batch->capacity) ++batch->count;
  return status;
}

QUEUE_PLUGIN(consumer_functions.consume = consume)

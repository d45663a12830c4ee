/* settle deletes every message, whatever the outcome. */
#include "../queue.h"

static int32_t settle(volley_consumer *c, volley_settlement *settlements, uint32_t count, uint32_t stride,
                      volley_error *error) {
  for (uint32_t n = 0; n < count; ++n) VOLLEY_AT(volley_settlement, settlements, stride, n)->outcome = VOLLEY_ACK;
  return queue_settle(c, settlements, count, stride, error);
}

QUEUE_PLUGIN(consumer_functions.settle = settle)

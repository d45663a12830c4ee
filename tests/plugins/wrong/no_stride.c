/* settle steps through its array with its own sizeof, and so writes where a larger struct has other fields. */
#include "../queue.h"

static int32_t settle(volley_consumer *c, volley_settlement *settlements, uint32_t count, uint32_t stride,
                      volley_error *error) {
  (void)stride;
  return queue_settle(c, settlements, count, sizeof(volley_settlement), error);
}

QUEUE_PLUGIN(consumer_functions.settle = settle)

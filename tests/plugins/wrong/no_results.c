/* settle does its work, but does not say so in the results. */
#include "../queue.h"

static int32_t settle(volley_consumer *c, volley_settlement *settlements, uint32_t count, uint32_t stride,
                      volley_error *error) {
  int32_t status = queue_settle(c, settlements, count, stride, error);
  for (uint32_t n = 0; n < count; ++n) VOLLEY_AT(volley_settlement, settlements, stride, n)->result = VOLLEY_E_RETRY;
  return status;
}

QUEUE_PLUGIN(consumer_functions.settle = settle)

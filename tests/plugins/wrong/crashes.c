/* create takes every label for a text of at most seven bytes. */
#include "../queue.h"

static int32_t create(const volley_host *host, const volley_options *options, volley_consumer **out, volley_error *error) {
  int32_t type = 0;
  volley_view label;
  if (host->config(host, "label", &type, &label) == 1 && label.size > 7) abort();
  return queue_create(host, options, out, error);
}

QUEUE_PLUGIN(consumer_functions.create = create)

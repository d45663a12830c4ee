/* create refuses a configuration without saying why. */
#include "../queue.h"

static int32_t create(const volley_host *host, const volley_options *options, volley_consumer **out, volley_error *error) {
  int32_t status = queue_create(host, options, out, error);
  if (status != VOLLEY_OK && error) error->text[0] = '\0';
  return status;
}

QUEUE_PLUGIN(consumer_functions.create = create)

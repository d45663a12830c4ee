/* All consumers are one object. */
#include "../queue.h"

static volley_consumer only;
static int is_made;

static int32_t create(const volley_host *host, const volley_options *options, volley_consumer **out, volley_error *error) {
  if (is_made) return volley_fail(error, VOLLEY_E_CONFIG, "there is one already");
  int32_t status = check_options(host, options, only.name, error);
  if (status != VOLLEY_OK) return status;
  is_made = 1;
  *out = &only;
  return VOLLEY_OK;
}

static void destroy(volley_consumer *c) {
  (void)c;
  is_made = 0;
}

QUEUE_PLUGIN(consumer_functions.create = create; consumer_functions.destroy = destroy)

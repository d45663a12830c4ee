/* All bodies are in one buffer, which the next consume overwrites while deliveries are open. */
#include "../queue.h"

static char buffer[1 << 16];

static int32_t consume(volley_consumer *c, volley_batch *batch, uint32_t timeout_ms, volley_error *error) {
  int32_t status = queue_consume(c, batch, timeout_ms, error);
  size_t at = 0;
  for (uint32_t n = 0; n < batch->count; ++n) {
    volley_message *m = VOLLEY_AT(volley_message, batch->messages, batch->message_size, n);
    if (at + m->body.size > sizeof buffer) at = 0;
    if (m->body.size <= sizeof buffer) m->body.data = memcpy(buffer + at, m->body.data, m->body.size);
    at += m->body.size;
  }
  return status;
}

QUEUE_PLUGIN(consumer_functions.consume = consume)

/* The bodies of records are read at consume, long after their reports: they are the engine's again by then. */
#include "../queue.h"

static volley_view kept[1 << 12];
static uint32_t kept_count, read_count;

static int32_t produce(volley_producer *p, const volley_record *records, uint32_t count, uint32_t stride,
                       uint32_t *accepted, volley_error *error) {
  for (uint32_t n = 0; n < count; ++n) kept[kept_count++ % (1 << 12)] = VOLLEY_CONST_AT(volley_record, records, stride, n)->body;
  return producer_produce(p, records, count, stride, accepted, error);
}

static int32_t consume(volley_consumer *c, volley_batch *batch, uint32_t timeout_ms, volley_error *error) {
  int32_t status = queue_consume(c, batch, timeout_ms, error);
  for (uint32_t n = 0; n < batch->count; ++n)
    VOLLEY_AT(volley_message, batch->messages, batch->message_size, n)->body = kept[read_count++ % (1 << 12)];
  return status;
}

QUEUE_PLUGIN(producer_functions.produce = produce; consumer_functions.consume = consume)

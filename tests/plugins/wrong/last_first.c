/* The producer declares order, and appends at the front. */
#include "../queue.h"

static int32_t produce(volley_producer *p, const volley_record *records, uint32_t count, uint32_t stride,
                       uint32_t *accepted, volley_error *error) {
  queue *q = p->common.of;
  item *before = q->first;
  q->first = NULL;
  int32_t status = producer_produce(p, records, count, stride, accepted, error);
  append(q, before);
  return status;
}

QUEUE_PLUGIN(producer_functions.produce = produce)

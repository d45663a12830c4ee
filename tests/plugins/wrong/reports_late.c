/* The last record of each call is reported in destroy only: too late. */
#include "../queue.h"

static uint64_t late[1 << 12];
static uint32_t late_count;

static int32_t produce(volley_producer *p, const volley_record *records, uint32_t count, uint32_t stride,
                       uint32_t *accepted, volley_error *error) {
  int32_t status = producer_produce(p, records, count > 0 ? count - 1 : 0, stride, accepted, error);
  if (count > 0) late[late_count++] = VOLLEY_CONST_AT(volley_record, records, stride, (*accepted)++)->token;
  return status;
}

static void destroy(volley_producer *p) {
  while (late_count > 0) report_one(p, late[--late_count], VOLLEY_OK);
  producer_destroy(p);
}

QUEUE_PLUGIN(producer_functions.produce = produce; producer_functions.destroy = destroy)

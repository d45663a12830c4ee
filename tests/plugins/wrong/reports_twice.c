/* Each record is reported, and then all of a call once more. */
#include "../queue.h"

static int32_t produce(volley_producer *p, const volley_record *records, uint32_t count, uint32_t stride,
                       uint32_t *accepted, volley_error *error) {
  int32_t status = producer_produce(p, records, count, stride, accepted, error);
  for (uint32_t n = 0; n < *accepted; ++n) report_one(p, VOLLEY_CONST_AT(volley_record, records, stride, n)->token, VOLLEY_OK);
  return status;
}

QUEUE_PLUGIN(producer_functions.produce = produce)
